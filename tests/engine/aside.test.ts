// What somebody did aside of Pulumi: the VM deleted or halted by hand, the operator off the tailnet; each against destroy,
// replacement, and refresh with an up after it.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
	assertNothingButBucket,
	assertOneHost,
	lastBackup,
} from "./harness/interruption.ts";
import type { ModelHost } from "./harness/modelHost.ts";
import { cannotRun, sharedWorld, type World } from "./harness/world.ts";

const change = (world: World) =>
	world.edit("quadlets/host/guard.service", (text) => `${text}# changed\n`);

function hostOf(world: World): ModelHost {
	const host = world.hypervisor.hosts.at(-1);
	assert.ok(host);
	return host;
}

interface Trouble {
	begin(world: World): Promise<void>;
	/** How the refusal tells it. */
	reason: RegExp;
}

const unreachable: Record<string, Trouble> = {
	"a halted VM": {
		begin: (world) =>
			world.atVultr("POST", `/instances/${hostOf(world).instanceId}/halt`),
		reason: /The VM is stopped at Vultr/,
	},
	"an operator off the tailnet": {
		async begin({ hypervisor }) {
			hypervisor.behaviour.reachable = false;
		},
		reason: /No SSH connection to 127\..*tailscale status/s,
	},
};

const operations = ["destroy", "replacement"] as const;

for (const [name, { begin, reason }] of Object.entries(unreachable))
	suite(name, { skip: cannotRun }, () => {
		const world = sharedWorld();

		test("refresh keeps everything, and up changes nothing", async () => {
			const up = await world().up();
			assert.equal(up.code, 0, up.output);
			await begin(world());
			await world().control.clearRequests();
			const refresh = await world().refresh();
			assert.equal(refresh.code, 0, refresh.output);
			assert.match(refresh.output, /last known ready at/);
			const again = await world().up();
			assert.equal(again.code, 0, again.output);
			assert.deepEqual(again.changes, []);
			assert.deepEqual(await world().mutations(), []);
		});

		for (const operation of operations)
			test(`${operation} stops with the ways out and changes nothing`, async () => {
				await world().control.clearRequests();
				if (operation === "replacement") change(world());
				const wrong = { MOLTBOT_DISCARD: "moltbot:7" };
				const run =
					operation === "destroy"
						? await world().destroy({ environment: wrong })
						: await world().up();
				assert.ok(run.code, run.output);
				const { instanceId } = hostOf(world());
				assert.match(
					run.output,
					new RegExp(
						`The VM ${instanceId} exists, but the host "moltbot" cannot be reached for the last backup, so nothing was deleted`,
					),
				);
				assert.match(run.output, reason);
				assert.match(run.output, /MOLTBOT_DISCARD=moltbot:1 pulumi destroy/);
				if (operation === "destroy")
					assert.match(run.output, /"moltbot:7", which names another host/);
				assert.deepEqual(await world().mutations(), []);
			});

		test("a replacement with MOLTBOT_DISCARD goes on", async () => {
			const run = await world().up({
				environment: { MOLTBOT_DISCARD: "moltbot:1" },
			});
			// Off the tailnet the new host is born, but nobody can let it know.
			if (world().hypervisor.behaviour.reachable)
				assert.equal(run.code, 0, run.output);
			else assert.match(run.output, /cannot open a shell on it/);
			assert.match(run.output, /the host goes without a last backup/);
			const [old, next] = world().hypervisor.hosts;
			assert.ok(!old?.commands.includes(lastBackup));
			assert.equal(next?.powered, true);
		});

		test("a destroy with MOLTBOT_DISCARD goes on", async () => {
			if (world().hypervisor.behaviour.reachable) await begin(world());
			const destroy = await world().destroy({
				environment: { MOLTBOT_DISCARD: "moltbot:2" },
			});
			assert.equal(destroy.code, 0, destroy.output);
			await assertNothingButBucket(world());
		});
	});

suite("a VM deleted by hand", { skip: cannotRun }, () => {
	const world = sharedWorld();
	const deleteVm = () =>
		world().atVultr("DELETE", `/instances/${hostOf(world()).instanceId}`);

	test("refresh sees it, and up brings a new host", async () => {
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		await deleteVm();
		const refresh = await world().refresh();
		assert.equal(refresh.code, 0, refresh.output);
		const again = await world().up();
		assert.equal(again.code, 0, again.output);
		assert.equal(hostOf(world()).generation, 2);
		await assertOneHost(world(), { saved: false });
	});

	test("a replacement says the age of the newest backup and goes on", async () => {
		// The one before it left a backup: replace once in good order.
		change(world());
		const orderly = await world().up();
		assert.equal(orderly.code, 0, orderly.output);
		await world().control.advanceClock(5 * 3_600_000);
		await deleteVm();
		change(world());
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		assert.match(
			up.output,
			/is already gone at Vultr, so there is nothing to save\. The newest complete backup is 0123abcd2 of \S+ \([45] h ago\)/,
		);
		assert.equal(hostOf(world()).generation, 4);
		assert.equal(hostOf(world()).state, "restored");
		await assertOneHost(world(), { saved: false });
	});

	test("destroy says it and ends with nothing but the bucket", async () => {
		await deleteVm();
		const destroy = await world().destroy();
		assert.equal(destroy.code, 0, destroy.output);
		assert.match(destroy.output, /already gone at Vultr/);
		await assertNothingButBucket(world());
	});
});
