import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import {
	createServer,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { anthropicCloud } from "../clouds/anthropic/index.ts";
import { createWorld } from "../clouds/world.ts";
import { keyVariable } from "./setting.ts";

const labKey = "sk-ant-lab-1";
const realKey = "sk-ant-real-1";
const question = {
	model: "claude-sonnet-4-6",
	max_tokens: 10,
	messages: [{ role: "user", content: "hello" }],
};

/** The lab's stand-in with a relay before it, and what stands for the real API behind. */
async function chain(
	t: TestContext,
	api: (message: IncomingMessage, response: ServerResponse) => void,
) {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-relay-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const upstream = createServer(api).listen(0, "127.0.0.1");
	await once(upstream, "listening");
	t.after(() => upstream.closeAllConnections());
	t.after(() => upstream.close());
	const { port } = upstream.address() as AddressInfo;
	const socket = join(folder, "model.sock");
	const relay = spawn(
		process.execPath,
		[
			join(import.meta.dirname, "relay.ts"),
			socket,
			`http://127.0.0.1:${port}/`,
		],
		{
			stdio: "inherit",
			env: { ...process.env, [keyVariable]: realKey },
		},
	);
	t.after(() => end(relay));
	const deadline = AbortSignal.timeout(20_000);
	while (!existsSync(socket)) {
		deadline.throwIfAborted();
		await sleep(20);
	}
	const world = createWorld(join(folder, "state"));
	const { app } = anthropicCloud(world, { apiKey: labKey, relay: socket });
	const ask = (key: string, body: object = question) =>
		app.request("https://api.anthropic.com/v1/messages", {
			method: "POST",
			headers: {
				"x-api-key": key,
				"anthropic-version": "2023-06-01",
				"content-type": "application/json",
			},
			body: JSON.stringify(body),
		});
	return { ask, relay, upstream };
}

async function end(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	child.kill();
	await once(child, "exit");
}

test("the real API gets the real key and the request as it was, and its answer comes as it is made", async (t) => {
	const seen: { key: unknown; version: unknown; body: string }[] = [];
	let finish = () => {};
	const { ask } = await chain(t, async (message, response) => {
		let body = "";
		for await (const chunk of message) body += String(chunk);
		const { "x-api-key": key, "anthropic-version": version } = message.headers;
		seen.push({ key, version, body });
		response.writeHead(200, {
			"content-type": "text/event-stream",
			"request-id": "req_1",
		});
		response.write("event: message_start\n\n");
		finish = () => response.end("event: message_stop\n\n");
	});
	const answer = await ask(labKey, { ...question, stream: true });
	assert.equal(answer.status, 200);
	assert.equal(answer.headers.get("request-id"), "req_1");
	const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
	assert.ok(reader);
	assert.equal((await reader.read()).value, "event: message_start\n\n");
	finish();
	assert.equal((await reader.read()).value, "event: message_stop\n\n");
	assert.ok((await reader.read()).done);
	assert.deepEqual(seen, [
		{
			key: realKey,
			version: "2023-06-01",
			body: JSON.stringify({ ...question, stream: true }),
		},
	]);
});

test("what the real API refuses comes back as it refuses it", async (t) => {
	const error = { type: "error", error: { type: "rate_limit_error" } };
	const { ask } = await chain(t, (_message, response) => {
		response
			.writeHead(429, {
				"content-type": "application/json",
				"retry-after": "7",
			})
			.end(JSON.stringify(error));
	});
	const answer = await ask(labKey);
	assert.equal(answer.status, 429);
	assert.equal(answer.headers.get("retry-after"), "7");
	assert.deepEqual(await answer.json(), error);
});

test("whoever has not the lab's key does not get to the real one", async (t) => {
	const { ask } = await chain(t, () => assert.fail("it was asked"));
	const answer = await ask("sk-ant-lab-2");
	assert.equal(answer.status, 401);
});

test("an API out of reach is said, and without a relay the lab's model answers", async (t) => {
	const { ask, relay, upstream } = await chain(t, () => {});
	upstream.close();
	const silent = await ask(labKey);
	assert.equal(silent.status, 502);
	assert.match(await silent.text(), /the lab cannot reach http.*ECONNREFUSED/);
	await end(relay);
	const answer = await ask(labKey);
	assert.equal(answer.status, 200);
	assert.match(await answer.text(), /lab model/);
});
