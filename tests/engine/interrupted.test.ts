// The engine is killed at every mutating call of an up and of a destroy, before or after the answer; cancel and the same
// command again must be all it takes.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
	assertNothingButBucket,
	assertOneHost,
	assertSavedBeforeDeleted,
	interrupt,
	pointsOf,
} from "./harness/interruption.ts";
import { cannotRun, startWorld } from "./harness/world.ts";

test("killed at every call of an up, then of a destroy", {
	skip: cannotRun,
}, async (t) => {
	const clean = await startWorld(t);
	const up = await clean.up();
	assert.equal(up.code, 0, up.output);
	const ups = pointsOf(clean.timeline);
	clean.timeline.length = 0;
	const destroy = await clean.destroy();
	assert.equal(destroy.code, 0, destroy.output);
	const destroys = pointsOf(clean.timeline);
	assert.ok(ups.length >= 8 && destroys.length >= 6);

	for (let i = 0; i < Math.max(ups.length, destroys.length); i++) {
		const birth = ups[i % ups.length];
		const end = destroys[i % destroys.length];
		assert.ok(birth && end);
		await t.test(
			`up ${birth.when} ${birth.name}; destroy ${end.when} ${end.name}`,
			async (t) => {
				const world = await startWorld(t);
				await interrupt(world, birth, "up");
				await assertOneHost(world);
				await interrupt(world, end, "destroy");
				await assertNothingButBucket(world);
				assertSavedBeforeDeleted(world);
			},
		);
	}
});
