// What stands before the engine, as a program between two sockets; the engine behind it is one of the test's own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const program = new URL("../../quadlets/moltbot/engine.ts", import.meta.url)
	.pathname;
const session = "a".repeat(64);
const big = Buffer.alloc(16 * 1024 * 1024, "output ");

/** An engine with the containers "sandbox" and "other", and one command in the sandbox; what it was asked. */
async function start(t: TestContext, command: (stream: Socket) => void) {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-engine-"));
	const behind = join(folder, "engine.sock");
	const before = join(folder, "own.sock");
	const asked: string[] = [];
	const answers: Record<string, object> = {
		"/v5.0.0/libpod/containers/sandbox/json": {
			Id: "5a",
			Config: { Labels: { "openclaw.sandbox": "1" } },
		},
		"/v5.0.0/libpod/containers/other/json": { Id: "07", Config: {} },
		[`/v5.0.0/libpod/exec/${session}/json`]: { ContainerID: "sandbox" },
	};
	const engine = createServer(async (request, response) => {
		const body = await text(request);
		asked.push(`${request.method} ${request.url} ${body}`.trim());
		const answer = answers[request.url ?? ""];
		response.writeHead(answer || request.method === "POST" ? 200 : 404);
		response.end(JSON.stringify(answer ?? {}));
	});
	engine.on("upgrade", (request, stream: Socket, head) => {
		asked.push(`${request.method} ${request.url} ${head}`);
		stream.write(
			"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		);
		command(stream);
	});
	engine.listen(behind);
	await once(engine, "listening");
	const child = spawn(process.execPath, [program, behind, before], {
		stdio: ["ignore", "inherit", "pipe"],
	});
	t.after(async () => {
		child.kill();
		if (child.exitCode === null) await once(child, "exit");
		engine.closeAllConnections();
		engine.close();
		rmSync(folder, { recursive: true });
	});
	const open = () => connect({ path: before, allowHalfOpen: true });
	const isListening = () =>
		new Promise<boolean>((resolve) => {
			const socket = open();
			socket.on("error", () => resolve(false));
			socket.on("connect", () => {
				socket.destroy();
				resolve(true);
			});
		});
	const deadline = AbortSignal.timeout(10_000);
	while (!(await isListening())) {
		deadline.throwIfAborted();
		await sleep(20);
	}
	/** One request, its connection closed by the far end. */
	const ask = async (line: string, body = "") => {
		const socket = open();
		socket.write(
			`${line} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
		);
		return text(socket);
	};
	const attach = () => {
		const socket = open();
		socket.write(
			`POST /v5.8.4/libpod/exec/${session}/start HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}`,
		);
		return socket;
	};
	return { ask, attach, asked, answers };
}

test("a container is known by its label, and meant by its id", async (t) => {
	const { ask, asked } = await start(t, () => {});
	assert.match(
		await ask("POST /v5.8.4/libpod/containers/sandbox/start?x=1"),
		/^HTTP\/1.1 200/,
	);
	assert.equal(asked.at(-1), "POST /v5.8.4/libpod/containers/5a/start?x=1");
	const before = asked.length;
	assert.match(
		await ask("POST /v5.8.4/libpod/containers/other/start"),
		/^HTTP\/1.1 403[\s\S]*other: is no sandbox/,
	);
	assert.match(
		await ask("POST /v5.8.4/libpod/containers/sandbox%2f..%2fother/start"),
		/^HTTP\/1.1 404/,
	);
	// What it asks the engine about, it asks by itself.
	assert.deepEqual(
		asked.slice(before).filter((line) => !line.startsWith("GET")),
		[],
	);
});

test("the gateway waits for an image that is on its way, and for no other", async (t) => {
	const { ask, asked, answers } = await start(t, () => {});
	const reference = `ghcr.io/you/moltbot-sandbox@sha256:${"e".repeat(64)}`;
	const path = `libpod/images/${encodeURIComponent(reference)}/json`;
	const answer = ask(`GET /v5.8.4/${path}`);
	const deadline = AbortSignal.timeout(10_000);
	while (asked.length < 2) {
		deadline.throwIfAborted();
		await sleep(20);
	}
	assert.deepEqual(new Set(asked), new Set([`GET /v5.0.0/${path}`]));
	answers[`/v5.0.0/${path}`] = {};
	answers[`/v5.8.4/${path}`] = { Id: "1a" };
	assert.match(await answer, /^HTTP\/1.1 200[\s\S]*1a/);
	// `podman inspect` looks for a container's name among the images, too.
	assert.match(
		await ask("GET /v5.8.4/libpod/images/openclaw-sbx-podman-workspace-1/json"),
		/^HTTP\/1.1 404/,
	);
});

test("a command's output arrives whole, also where its input ended long before and the reader is slow", async (t) => {
	const { attach } = await start(t, (stream) => {
		stream.resume();
		stream.on("end", () => stream.end(big));
	});
	const socket = attach();
	socket.end();
	socket.pause();
	await sleep(500);
	const answer = await buffer(socket);
	const begin = answer.indexOf("\r\n\r\n") + 4;
	assert.ok(answer.subarray(begin).equals(big), `${answer.length - begin}`);
});

test("a command's input arrives whole", async (t) => {
	let input: Promise<Buffer> | undefined;
	const { attach } = await start(t, (stream) => {
		input = buffer(stream);
		input.then(() => stream.end("done"));
	});
	const socket = attach();
	socket.end(big);
	assert.match(await text(socket), /\r\n\r\ndone$/);
	assert.ok((await input)?.equals(big));
});

test("a client that goes away ends the engine's stream", async (t) => {
	const closed = Promise.withResolvers<void>();
	const { attach } = await start(t, (stream) => {
		stream.on("error", () => {});
		stream.on("close", () => closed.resolve());
		const timer = setInterval(() => stream.write("tick"), 20);
		stream.on("close", () => clearInterval(timer));
	});
	const socket = attach();
	await once(socket, "data");
	socket.destroy();
	await closed.promise;
});

test("what is no HTTP, too long or no JSON does not reach the engine", async (t) => {
	const { ask, asked } = await start(t, () => {});
	assert.match(await ask("nonsense"), /^HTTP\/1.1 400/);
	assert.match(
		await ask("POST /v5.8.4/libpod/containers/create", "{"),
		/^HTTP\/1.1 403/,
	);
	assert.match(
		await ask(
			"POST /v5.8.4/libpod/containers/create",
			"x".repeat(2 * 1024 * 1024),
		),
		/^HTTP\/1.1 403[\s\S]*too long/,
	);
	assert.deepEqual(asked, []);
});
