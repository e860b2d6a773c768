// A join key lives for an hour. An up that was stopped with one in hand, or whose host never used it, is begun again later.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { assertOneHost } from "./harness/interruption.ts";
import { cannotRun, startWorld, type World } from "./harness/world.ts";

const twoHours = 2 * 3_600_000;

const beginnings: Record<string, (world: World) => Promise<void>> = {
	"stopped when the key was made and before it was known": (world) =>
		stopped(world, /^POST api\.tailscale\.com\/.*\/keys$/, "after"),
	"stopped before the VM was ordered with it": (world) =>
		stopped(world, /^POST api\.vultr\.com\/v2\/instances$/, "before"),
	"stopped when the VM was ordered and before that was known": (world) =>
		stopped(world, /^POST api\.vultr\.com\/v2\/instances$/, "after"),
	"ended with a host that failed before it joined": async (world) => {
		world.hypervisor.behaviour.joins = {
			unit: "rebase.service",
			lines: ["error: no such manifest"],
		};
		const up = await world.up();
		assert.notEqual(up.code, 0);
		assert.match(up.output, /rebase\.service/);
		assert.match(up.output, /error: no such manifest/);
		world.hypervisor.behaviour.joins = true;
	},
};

async function stopped(world: World, call: RegExp, when: "before" | "after") {
	world.killAt(call, when);
	const killed = await world.up();
	assert.equal(killed.code, null, killed.output);
	await world.cancel();
}

suite("two hours after an up", { skip: cannotRun }, () => {
	for (const [name, begin] of Object.entries(beginnings))
		test(`that was ${name}, up brings a host with a fresh key`, async (t) => {
			const world = await startWorld(t);
			await begin(world);
			const earlier = world.hypervisor.hosts.length;
			await world.control.advanceClock(twoHours);

			const up = await world.up();
			assert.equal(up.code, 0, up.output);
			await assertOneHost(world);
			assert.equal(world.hypervisor.hosts.length, earlier + 1);
			const host = world.hypervisor.hosts.at(-1);
			assert.equal(host?.generation, 2);
			const keys = world.hypervisor.hosts.map(({ files }) =>
				files.get("/etc/moltbot/join-key")?.trim(),
			);
			assert.equal(new Set(keys).size, keys.length);
		});
});
