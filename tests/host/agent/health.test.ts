// The real gateway, without a channel, before the program that asks it (quadlets/moltbot/health.ts): what it says while it starts, to its
// token, and to another one.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
	openclawCommand,
	openclawFolder,
} from "../../../lab/images/openclaw.ts";

const program = join(
	import.meta.dirname,
	"../../../quadlets/moltbot/health.ts",
);

async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, "close");
	return port;
}

test("the real gateway answers to its token, without a device and without rights, and to no other", {
	timeout: 240_000,
}, async (t) => {
	const command = openclawCommand(await openclawFolder());
	const folder = mkdtempSync(join(tmpdir(), "moltbot-gateway-"));
	const port = await freePort();
	const file = (name: string, text: string) => {
		writeFileSync(join(folder, name), text, { mode: 0o600 });
		return join(folder, name);
	};
	const token = file("token", "the-right-token-of-this-test\n");
	const wrong = file("wrong", "another-token\n");
	const config = {
		gateway: {
			mode: "local",
			bind: "loopback",
			port,
			auth: { mode: "token", token: "the-right-token-of-this-test" },
		},
		logging: { file: join(folder, "log") },
	};
	const gateway = spawn(
		process.execPath,
		[command, "gateway", "--port", String(port)],
		{
			stdio: ["ignore", "ignore", "inherit"],
			env: {
				PATH: process.env.PATH,
				HOME: folder,
				TMPDIR: folder,
				OPENCLAW_STATE_DIR: join(folder, "state"),
				OPENCLAW_CONFIG_PATH: file("openclaw.json", JSON.stringify(config)),
				OPENCLAW_CONFIG_READONLY: "1",
				OPENCLAW_NO_RESPAWN: "1",
				OPENCLAW_DISABLE_BONJOUR: "1",
				OPENCLAW_NO_AUTO_UPDATE: "1",
			},
		},
	);
	t.after(async () => {
		gateway.kill();
		if (gateway.exitCode === null) await once(gateway, "exit");
		rmSync(folder, { recursive: true, force: true });
	});
	const ask = (tokenFile: string) =>
		spawnSync(
			process.execPath,
			[program, `ws://127.0.0.1:${port}`, tokenFile],
			{ encoding: "utf8" },
		);

	const before = new Set<string>();
	let answer = ask(token);
	for (; answer.status !== 0; answer = ask(token)) {
		assert.equal(gateway.exitCode, null, "the gateway has ended");
		before.add(answer.stdout.trim());
		await sleep(200);
	}
	t.diagnostic(`before: ${[...before].join("; ")}`);
	for (const sentence of before)
		assert.match(sentence, /does not listen yet|is not there yet: /);
	const { ok, channels } = JSON.parse(answer.stdout);
	assert.deepEqual([ok, typeof channels], [true, "object"]);

	const refused = ask(wrong);
	assert.equal(refused.status, 1);
	assert.match(refused.stdout, /^the gateway refuses the token/);
	t.diagnostic(refused.stdout.trim());
});
