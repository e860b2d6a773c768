// The question to the gateway, as a program before a gateway that speaks the protocol, and before others that do not.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocketServer } from "ws";
import { speakProtocol } from "../host/lab/agent/protocol.ts";
import { outputOf } from "../processes.ts";

const program = new URL("../../quadlets/moltbot/health.ts", import.meta.url)
	.pathname;
const channels = { discord: { connected: true, lastError: null } };

/** Address of a server that ends with the test. */
async function listening(t: TestContext, server = createServer()) {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A gateway that knows the token "right". */
async function gateway(t: TestContext, isStarted = true) {
	const server = createServer();
	speakProtocol(server, {
		token: "right",
		isStarted: () => isStarted,
		health: () => ({ ok: true, channels }),
	});
	return listening(t, server);
}

/** Something that takes a connection and does what it likes with it. */
async function other(
	t: TestContext,
	meet: Parameters<WebSocketServer["on"]>[1],
) {
	const server = createServer();
	new WebSocketServer({ server }).on("connection", meet);
	return listening(t, server);
}

async function ask(t: TestContext, address: string, token?: string) {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-health-"));
	t.after(() => rmSync(folder, { recursive: true }));
	const file = join(folder, "token");
	if (token !== undefined) writeFileSync(file, token);
	return outputOf(
		spawn(process.execPath, [program, address, file, "500"], {
			stdio: ["ignore", "pipe", "pipe"],
		}),
	);
}

/** Asks, and expects one sentence instead of an answer. */
async function refused(t: TestContext, address: string, token?: string) {
	const { status, stdout, stderr } = await ask(t, address, token);
	assert.equal(status, 1, stdout);
	assert.equal(stderr, "");
	assert.match(stdout, /^the gateway.*\n$/);
	return stdout;
}

test("the gateway's own answer, by its token alone", async (t) => {
	const { status, stdout } = await ask(t, await gateway(t), "right\n");
	assert.equal(status, 0, stdout);
	assert.deepEqual(JSON.parse(stdout), { ok: true, channels });
});

test("a token that it refuses", async (t) => {
	assert.match(
		await refused(t, await gateway(t), "wrong"),
		/refuses the token that it was given: run moltbot restart \(unauthorized: gateway token mismatch/,
	);
});

test("no token", async (t) => {
	assert.match(
		await refused(t, await gateway(t)),
		/token .*\/token cannot be read: run pulumi up/,
	);
});

test("a gateway that still starts", async (t) => {
	assert.match(
		await refused(t, await gateway(t, false), "right"),
		/is not there yet: gateway starting/,
	);
});

test("nobody there", async (t) => {
	const server = createServer();
	const address = await listening(t, server);
	server.close();
	assert.match(await refused(t, address, "right"), /does not listen yet/);
});

test("one that takes the connection and says nothing", async (t) => {
	assert.match(
		await refused(t, await other(t, () => {}), "right"),
		/has not answered for 0\.5 s/,
	);
});

test("one that ends the connection", async (t) => {
	const address = await other(t, (socket) => socket.close(1012, "restart"));
	assert.match(
		await refused(t, address, "right"),
		/has ended the connection \(1012 restart\)/,
	);
});

test("one that speaks another language", async (t) => {
	const address = await other(t, (socket) => socket.send("hello"));
	assert.match(
		await refused(t, address, "right"),
		/does not speak its protocol/,
	);
});
