// The engine is killed at every mutating call of a replacement, before or after the answer; cancel and up must be all it
// takes. One world lives through it all, so what one interruption leaves would show in the next.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertOneHost, interrupt, pointsOf } from "./harness/interruption.ts";
import { cannotRun, startWorld } from "./harness/world.ts";

test("killed at every call of a replacement", {
	skip: cannotRun,
}, async (t) => {
	const world = await startWorld(t);
	let version = 0;
	const change = () =>
		world.edit(
			"quadlets/host/guard.service",
			(text) => `${text}# version ${++version}\n`,
		);
	const up = await world.up();
	assert.equal(up.code, 0, up.output);

	change();
	world.timeline.length = 0;
	const replaced = await world.up();
	assert.equal(replaced.code, 0, replaced.output);
	const points = pointsOf(world.timeline);
	assert.ok(points.length >= 11);
	await assertOneHost(world);

	for (const point of points)
		await t.test(`${point.when} ${point.name}`, async () => {
			change();
			await interrupt(world, point, "up");
			await assertOneHost(world);
			const text = world.hypervisor.hosts
				.at(-1)
				?.files.get("/etc/systemd/system/guard.service");
			assert.match(text ?? "", new RegExp(`# version ${version}\n`));
		});
});
