import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { lastBackupName } from "../objects.ts";
import { failure, type Shell, startSsh } from "../testing.ts";
import { instance } from "./instance.ts";
import { duration, lastBackup } from "./lastBackup.ts";
import { begin, hostInputs, hostname, instanceInputs, tag } from "./testing.ts";

const saved: Shell = () => ({
	code: 0,
	stdout: `{"version":1,"outcome":"saved","snapshot":"ab12","at":"2026-01-01T00:00:00Z","files":5,"bytes":99}\n`,
});

/** A host that has lived and is on the tailnet. */
async function living(t: TestContext, shell: Shell) {
	const { port, commands } = await startSsh(t, shell);
	const stack = await begin(t, { sshPort: port });
	const { id } = await instance.create(stack.context, instanceInputs(stack));
	await stack.bear(1);
	const device = stack.coordination.addDevice({ hostname, tags: [tag] });
	const { state } = await lastBackup.create(
		stack.context,
		hostInputs(stack, id),
	);
	const remove = async () => lastBackup.delete?.(stack.context, "id", state);
	return { stack, commands, remove, device, vm: id };
}

test("saves on the host and says what was saved", async (t) => {
	const { stack, commands, remove } = await living(t, saved);
	await remove();
	assert.deepEqual(commands, ["sudo /usr/local/libexec/moltbot/last-backup"]);
	assert.match(stack.said.join(), /Saved as ab12 \(5 files, 99 bytes\)/);
	await remove();
	assert.equal(commands.length, 2, "again is fine");
});

test("nothing to save is fine", async (t) => {
	const { stack, remove } = await living(t, () => ({
		code: 0,
		stdout: '{"outcome":"nothing-to-save","reason":"never delivered"}',
	}));
	await remove();
	assert.match(stack.said.join(), /Nothing to save: never delivered/);
});

test("a backup that fails stops the destroy, with the host's own words", async (t) => {
	const { remove } = await living(t, () => ({
		code: 1,
		stderr: "restic: repository is locked\n",
	}));
	const error = await failure(remove());
	assert.equal(error.code, "last_backup_failed");
	assert.match(error.message, /exit status 1[\s\S]*repository is locked/);
});

for (const stdout of [
	"",
	"done",
	'{"outcome":"maybe"}',
	'{"outcome":"saved"}',
]) {
	test(`an answer that is no proof (${JSON.stringify(stdout)}) stops the destroy`, async (t) => {
		const { remove } = await living(t, () => ({ code: 0, stdout }));
		const error = await failure(remove());
		assert.equal(error.code, "unexpected_host_answer");
	});
}

test("exists but cannot be reached: the ways out, and only the right word discards", async (t) => {
	const { stack, remove, device, vm } = await living(t, () => "drop");
	for (const given of [undefined, "moltbot:2", "other:1"]) {
		stack.env.MOLTBOT_DISCARD = given;
		const error = await failure(remove());
		assert.equal(error.code, "last_backup_unreachable");
		assert.match(error.message, /MOLTBOT_DISCARD=moltbot:1 pulumi destroy/);
		assert.ok(error.message.includes(vm));
		assert.equal(/names another host/.test(error.message), given !== undefined);
	}
	stack.coordination.setOnline(device.id, false);
	stack.env.MOLTBOT_DISCARD = "moltbot:1";
	await remove();
	assert.match(stack.said.join(), /goes without a last backup/);
});

test("no device, or a stopped VM: said at once", async (t) => {
	const { stack, remove, device, vm, commands } = await living(t, saved);
	await stack.context.tailscale.deleteDevice(device.id);
	assert.match((await failure(remove())).message, /has no device "moltbot"/);
	await stack.lab.call(
		"POST",
		`https://api.vultr.com/v2/instances/${vm}/halt`,
		{ headers: { authorization: "Bearer lab-vultr-key" } },
	);
	assert.match((await failure(remove())).message, /VM is stopped at Vultr/);
	assert.deepEqual(commands, []);
});

test("a VM that is gone has nothing to save: the age of the newest backup, by Backblaze's clock", async (t) => {
	const { stack, remove, vm, commands } = await living(t, saved);
	await stack.context.vultr.deleteInstance(vm);
	await remove();
	assert.match(stack.said.join(), /holds no complete backup/);
	await stack.context.b2.upload(
		stack.bucketId,
		lastBackupName,
		JSON.stringify({
			snapshot: "cd34",
			at: new Date(stack.lab.world.clock.now()).toISOString(),
		}),
	);
	await stack.lab.control.advanceClock(3 * 3_600_000 + 60_000);
	await remove();
	assert.match(stack.said.join(), /cd34 of .* \(3 h ago\)/);
	await stack.lab.control.fault({
		cloud: "backblaze",
		count: null,
		action: { status: 503 },
	});
	await remove();
	assert.match(stack.said.join(), /age of the newest backup could not be read/);
	assert.deepEqual(commands, []);
});

test("a host that never joined has nothing to save", async (t) => {
	const stack = await begin(t);
	const { id } = await instance.create(stack.context, instanceInputs(stack));
	await lastBackup.delete?.(stack.context, "id", hostInputs(stack, id));
	assert.match(stack.said.join(), /never joined/);
});

test("whether a host has lived is never guessed", async (t) => {
	const { stack, remove } = await living(t, saved);
	await stack.lab.control.fault({
		cloud: "backblaze",
		count: null,
		action: { status: 503 },
	});
	assert.equal((await failure(remove())).code, "unavailable");
});

test("spans of time in words", () => {
	assert.deepEqual(
		[-5, 0, 59 * 60_000, 119 * 60_000, 120 * 60_000, 50 * 3_600_000].map(
			duration,
		),
		["0 min", "0 min", "59 min", "119 min", "2 h", "2 days"],
	);
});
