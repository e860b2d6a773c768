import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../lab/clouds/testing.ts";
import { operatorStore } from "../clients/onepassword.ts";
import { failure, serviceAccount, startSsh, startStack } from "../testing.ts";
import { delivery } from "./delivery.ts";

const command = "sudo /usr/local/libexec/moltbot/deliver";
const answer = (kept: string[] = []) =>
	`${JSON.stringify({ version: 1, applied: [], kept, restarted: [] })}\n`;

/** A host that takes deliveries, and where the secrets of the operator's vault are. */
async function start(
	t: Parameters<typeof startStack>[0],
	shell: (stdin: string) => { code: number; stdout?: string; stderr?: string },
) {
	const received: string[] = [];
	const { port, commands } = await startSsh(t, (_command, stdin) => {
		received.push(stdin);
		return shell(stdin);
	});
	const stack = await startStack(t, { sshPort: port });
	const store = await operatorStore(stack.context.http, stack.env);
	const [vault] = await store.vaults();
	assert.ok(vault);
	const items = await store.items(vault.id);
	const at = (title: string) => {
		const item = items.find((one) => one.title === title);
		assert.ok(item, title);
		const { id, version } = item;
		return { vaultId: vault.id, itemId: id, title, version };
	};
	const inputs = {
		hostname: "moltbot",
		address: "100.64.0.1",
		generation: 3,
		document: JSON.stringify({ version: 1, generation: 3, files: [] }),
		secrets: { "discord-bot-token": at("Discord Bot Token") },
		hostSecrets: { "backup-password": at("Moltbot Backup Password") },
		hostValues: { "backup-key": "canary-bucket-key" },
	};
	return { stack, inputs, at, received, commands };
}

test("what is sent holds the document and the secrets; what is kept holds neither value", async (t) => {
	const { stack, inputs, received, commands } = await start(t, () => ({
		code: 0,
		stdout: answer(),
	}));
	const { id, state } = await delivery.create(stack.context, inputs);
	assert.equal(id, "moltbot-g3");
	assert.deepEqual(commands, [command]);
	assert.deepEqual(JSON.parse(received[0] ?? ""), {
		version: 1,
		generation: 3,
		files: [],
		secrets: { "discord-bot-token": "canary-discord-token" },
		hostSecrets: {
			"backup-password": "canary-password",
			"backup-key": "canary-bucket-key",
		},
	});
	const kept = JSON.stringify(state);
	assert.doesNotMatch(kept, /canary-discord|canary-password/);
	assert.match(state.deliveryId, /^[0-9a-f]{64}$/);
});

test("with a service account, op is asked once for its version and once for each secret", async (t) => {
	const { stack, inputs } = await start(t, () => ({
		code: 0,
		stdout: answer(),
	}));
	const folder = temporaryDirectory(t);
	const asked = join(folder, "asked");
	const op = join(folder, "op");
	const standIn = join(
		import.meta.dirname,
		"../../../lab/clouds/onepassword/op",
	);
	writeFileSync(op, `#!/bin/sh\necho "$1" >>${asked}\nexec ${standIn} "$@"\n`, {
		mode: 0o755,
	});
	Object.assign(stack.env, stack.lab.environment, {
		PATH: process.env.PATH,
		MOLTBOT_NODE: process.execPath,
		OP_CONNECT_HOST: undefined,
		OP_CONNECT_TOKEN: undefined,
		OP_SERVICE_ACCOUNT_TOKEN: serviceAccount,
		OP_CLI_PATH: op,
	});
	await delivery.create(stack.context, inputs);
	assert.deepEqual(readFileSync(asked, "utf8").trim().split("\n").sort(), [
		"--version",
		"item",
		"item",
	]);
});

test("a later version of an item is another delivery", async (t) => {
	const { stack, inputs } = await start(t, () => ({
		code: 0,
		stdout: answer(),
	}));
	const { state } = await delivery.create(stack.context, inputs);
	const again = await delivery.update?.(stack.context, "x", state, inputs);
	assert.equal(again?.deliveryId, state.deliveryId);
	const reference = inputs.secrets["discord-bot-token"];
	const rotated = {
		"discord-bot-token": { ...reference, version: reference.version + 1 },
	};
	const next = await delivery.update?.(stack.context, "x", state, {
		...inputs,
		secrets: rotated,
	});
	assert.notEqual(next?.deliveryId, state.deliveryId);
});

test("a file that the agent keeps is named", async (t) => {
	const path = "/var/lib/moltbot/workspace/SOUL.md.new";
	const { stack, inputs } = await start(t, () => ({
		code: 0,
		stdout: answer([path]),
	}));
	await delivery.create(stack.context, inputs);
	assert.deepEqual(stack.said, [
		`warning: The agent has changed a file that changed here too: its own stays, the new one lies beside it as ${path}.`,
	]);
});

test("a host that refuses is quoted, without the secrets that it was sent", async (t) => {
	const { stack, inputs } = await start(t, (stdin) => ({
		code: 1,
		stderr: `could not read ${stdin}\n`,
	}));
	const error = await failure(delivery.create(stack.context, inputs));
	assert.equal(error.code, "delivery_failed");
	assert.match(error.message, /"moltbot" failed \(exit status 1\)/);
	assert.match(error.message, /could not read .*\[secret\]/);
	assert.doesNotMatch(error.message, /canary-(discord|password)/);
});

test("an item without a value is named, and nothing is sent", async (t) => {
	const { stack, inputs, at, received } = await start(t, () => ({
		code: 0,
		stdout: answer(),
	}));
	const error = await failure(
		delivery.create(stack.context, {
			...inputs,
			secrets: { "discord-bot-token": at("Empty") },
		}),
	);
	assert.equal(error.code, "secret_missing");
	assert.match(error.message, /"Empty" has neither a credential/);
	assert.deepEqual(received, []);
});
