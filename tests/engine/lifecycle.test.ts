import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { canaries, cannotRun, startWorld } from "./harness/world.ts";

suite("the life of a stack", { skip: cannotRun }, () => {
	test("up creates, a second up changes nothing, destroy leaves the bucket", async (t) => {
		const world = await startWorld(t);

		const up = await world.up();
		assert.equal(up.code, 0, up.output);
		const [host, ...others] = world.hypervisor.hosts;
		assert.ok(host);
		assert.deepEqual(others, []);
		assert.equal(
			host.deliveries.at(-1)?.secrets["discord-bot-token"],
			canaries.discord,
		);

		await world.control.clearRequests();
		const again = await world.up();
		assert.equal(again.code, 0, again.output);
		assert.deepEqual(again.changes, []);
		assert.deepEqual(await world.mutations(), []);

		const destroy = await world.destroy();
		assert.equal(destroy.code, 0, destroy.output);
		assert.equal(
			host.commands.at(-1),
			"sudo /usr/local/libexec/moltbot/last-backup",
		);
		assert.equal(host.powered, false);
	});
});
