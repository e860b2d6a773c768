// The Pulumi state is lost, or an old one is put back. Nothing may be billed twice and nothing of the agent may go.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { assertOneHost } from "./harness/interruption.ts";
import { cannotRun, startWorld, type World } from "./harness/world.ts";

const unit = "quadlets/host/guard.service";
const change = (world: World) =>
	world.edit(unit, (text) => `${text}# changed\n`);

async function succeeds(run: Promise<{ code: number | null; output: string }>) {
	const { code, output } = await run;
	assert.equal(code, 0, output);
}

suite("a lost state", { skip: cannotRun }, () => {
	test("with a living VM: up adopts it, changed units wait for the next up", async (t) => {
		const world = await startWorld(t);
		await succeeds(world.up());
		await world.loseState();
		change(world);
		const adopting = await world.up();
		assert.equal(adopting.code, 0, adopting.output);
		assert.match(adopting.output, /Found generation 1 and go on with it/);
		assert.match(adopting.output, /Found the VM \S+, made by/);
		assert.equal(world.hypervisor.hosts.length, 1);
		await assertOneHost(world);

		// The adopted host has the old unit: its replacement takes the last backup first.
		await succeeds(world.up());
		assert.equal(world.hypervisor.hosts.length, 2);
		assert.equal(world.hypervisor.hosts.at(-1)?.state, "restored");
		await assertOneHost(world);
	});

	test("with a living VM and nothing changed: the second up changes nothing", async (t) => {
		const world = await startWorld(t);
		await succeeds(world.up());
		await world.loseState();
		await succeeds(world.up());
		await world.control.clearRequests();
		const again = await world.up();
		assert.deepEqual(again.changes, []);
		assert.deepEqual(await world.mutations(), []);
		await assertOneHost(world);
	});

	test("with the VM gone: a new generation, and nothing of the old one is left", async (t) => {
		const world = await startWorld(t);
		await succeeds(world.up());
		const [host] = world.hypervisor.hosts;
		await world.atVultr("DELETE", `/instances/${host?.instanceId}`);
		await world.loseState();
		await succeeds(world.up());
		assert.equal(world.hypervisor.hosts.at(-1)?.generation, 2);
		await assertOneHost(world, { saved: false });
	});

	for (const [name, call] of Object.entries({
		"claim of a number": /b2_upload_file/,
		"order of the VM": /^POST api\.vultr\.com\/v2\/instances$/,
	}))
		test(`half-way, after the ${name}: up goes on with what is there`, async (t) => {
			const world = await startWorld(t);
			world.killAt(call, "after");
			const killed = await world.up();
			assert.equal(killed.code, null, killed.output);
			await world.loseState();
			await succeeds(world.up());
			assert.equal(world.hypervisor.hosts.length, 1);
			assert.equal(world.hypervisor.hosts[0]?.generation, 1);
			await assertOneHost(world);
		});

	test("an old state put back after a replacement: refresh and up find the new host", async (t) => {
		const world = await startWorld(t);
		await succeeds(world.up());
		const old = world.copyState();
		change(world);
		await succeeds(world.up());
		old.restore();
		await succeeds(world.up({ args: ["--refresh"] }));
		assert.equal(world.hypervisor.hosts.length, 2);
		await assertOneHost(world);
	});
});
