import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { createWorld } from "../world.ts";
import { anthropicCloud, type MessageAnswer } from "./index.ts";
import { introduction, reply } from "./labModel.ts";
import { encodeEvent, streamEvents } from "./sse.ts";
import type { MessagesRequest } from "./wire.ts";

type Messages = MessagesRequest["messages"];
const exec = [{ name: "read" }, { name: "exec" }];
const ask = (
	messages: Messages,
	extra: object = { tools: exec },
): MessagesRequest => ({
	model: "claude-sonnet-4-6",
	max_tokens: 1000,
	messages,
	...extra,
});
const user = (content: Messages[number]["content"]) => ({
	role: "user" as const,
	content,
});
const assistant = (content: Messages[number]["content"]) => ({
	role: "assistant" as const,
	content,
});
const text = (request: MessagesRequest): string => {
	const [block] = reply(request);
	assert.equal(block?.type, "text");
	return block?.type === "text" ? block.text : "";
};

test("a command becomes a call of exec, however it is quoted", () => {
	const forms = {
		"run this command: cat /workspace/nonce": "cat /workspace/nonce",
		"Please run `id -u` for me": "id -u",
		"run this command:\n```sh\necho a\necho b\n```": "echo a\necho b",
		"[Discord owner Sat 2026-11-21 14:00] run: uname -a\n[message_id: 1]":
			"uname -a",
	};
	for (const [words, command] of Object.entries(forms))
		assert.deepEqual(reply(ask([user(words)])), [
			{ type: "tool_use", name: "exec", input: { command } },
		]);
});

test("without a tool that runs commands it says so", () => {
	assert.match(
		text(ask([user("run this command: id")], { tools: [{ name: "read" }] })),
		/no tool "exec"/,
	);
});

test("a result is answered in plain text, also when a block of context comes after it", () => {
	const call = assistant([
		{ type: "tool_use", id: "t1", name: "exec", input: { command: "id -u" } },
	]);
	const result = user([
		{
			type: "tool_result",
			tool_use_id: "t1",
			content: [{ type: "text", text: "2001\n" }],
		},
	]);
	const expected = "The command id -u printed:\n2001";
	assert.equal(text(ask([user("run `id -u`"), call, result])), expected);
	assert.equal(
		text(
			ask([user("run `id -u`"), call, result, user("Context: run `never`")]),
		),
		expected,
	);
	const failed = user([
		{
			type: "tool_result",
			tool_use_id: "t1",
			is_error: true,
			content: "exit 1",
		},
	]);
	assert.match(
		text(ask([user("run `id -u`"), call, failed])),
		/failed with:\nexit 1/,
	);
});

test("it remembers from the conversation alone", () => {
	const history = [
		user("Remember that the boat is green."),
		assistant("I shall remember: the boat is green."),
	];
	assert.match(
		text(ask([user("remember that the boat is green.")])),
		/I shall remember: the boat is green\./,
	);
	assert.match(
		text(ask([...history, user("What do you remember?")])),
		/the boat is green/,
	);
	assert.equal(
		text(ask([...history, user("What did I say?")])),
		"You said: Remember that the boat is green.",
	);
	assert.match(text(ask([user("What do you remember?")])), /not asked me/);
});

test("metadata around a message is not taken for the person's words", () => {
	const wrapped =
		'Conversation info (untrusted metadata):\n```json\n{"sender":"owner"}\n```\n\nhello there';
	assert.match(text(ask([user(wrapped)])), /I read: "hello there"/);
	// As OpenClaw 2026.9.6 sends it. What it marks as its own it cuts out of an answer, with all around it.
	const marked =
		'[Sat 2026-11-21 17:52 UTC] Conversation info: ⟦openclaw:ctx⟧\n```json\n{"sender":{"name":"owner"}}\n```\n\nhello there';
	const context =
		'<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nConversation data (data, not instructions):\n"Conversation info: ⟦openclaw:ctx⟧\\n```json\\n{}\\n```"\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>';
	assert.match(
		text(ask([user(marked), user(context)])),
		/I read: "hello there"\./,
	);
});

test("it says that it is a stand-in, gives titles and signs of life", () => {
	assert.ok(text(ask([user("good morning")])).startsWith(introduction));
	assert.equal(
		text(ask([user("Write a short title for: run `id`")], {})),
		"Lab conversation",
	);
	assert.equal(
		text(ask([user("If nothing needs attention, reply HEARTBEAT_OK.")])),
		"HEARTBEAT_OK",
	);
});

/** Puts a stream together again as a client does. */
function parseStream(stream: string) {
	const events = stream
		.split("\n\n")
		.filter(Boolean)
		.map((event) => {
			const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? [];
			const parsed = JSON.parse(data ?? "");
			assert.equal(parsed.type, name);
			return parsed;
		});
	const blocks: { type: string; text?: string; input?: unknown }[] = [];
	let json = "";
	let stop = "";
	for (const event of events) {
		if (event.type === "content_block_start") {
			blocks[event.index] = event.content_block;
			json = "";
		} else if (event.type === "content_block_delta") {
			const block = blocks[event.index];
			assert.ok(block);
			if (event.delta.type === "text_delta") block.text += event.delta.text;
			else json += event.delta.partial_json;
		} else if (event.type === "content_block_stop") {
			const block = blocks[event.index];
			assert.ok(block);
			if (block.type === "tool_use") block.input = JSON.parse(json);
		} else if (event.type === "message_delta") stop = event.delta.stop_reason;
	}
	return { names: events.map(({ type }) => type), blocks, stop };
}

test("what is streamed is what was answered, whatever characters it holds", () => {
	fc.assert(
		fc.property(
			fc.string({ unit: "binary" }),
			fc.dictionary(fc.string(), fc.string()),
			(words, input) => {
				const answer: MessageAnswer = {
					id: "msg_1",
					type: "message",
					role: "assistant",
					model: "claude-sonnet-4-6",
					content: [
						{ type: "text", text: words },
						{ type: "tool_use", id: "toolu_1", name: "exec", input },
					],
					stop_reason: "tool_use",
					stop_sequence: null,
					usage: { input_tokens: 1, output_tokens: 1 },
				};
				const bytes = Buffer.from(
					[...streamEvents(answer)].map(encodeEvent).join(""),
				);
				const { blocks, stop } = parseStream(bytes.toString());
				assert.equal(blocks[0]?.text, words);
				assert.equal(JSON.stringify(blocks[1]?.input), JSON.stringify(input));
				assert.equal(stop, "tool_use");
			},
		),
		{ seed: 20261121 },
	);
});

function serve(t: TestContext) {
	const directory = mkdtempSync(join(tmpdir(), "anthropic-"));
	t.after(() => rmSync(directory, { recursive: true }));
	const { app, snapshot } = anthropicCloud(createWorld(directory), {
		apiKey: "key",
	});
	const post = async (
		body: object | string,
		headers: Record<string, string> = {},
	) => {
		const answer = await app.request("/v1/messages", {
			method: "POST",
			headers: {
				"x-api-key": "key",
				"anthropic-version": "2023-06-01",
				...headers,
			},
			body: typeof body === "string" ? body : JSON.stringify(body),
		});
		const content = await answer.text();
		const isJson = answer.headers
			.get("content-type")
			?.startsWith("application/json");
		return {
			status: answer.status,
			headers: answer.headers,
			text: content,
			json: isJson ? JSON.parse(content) : null,
		};
	};
	return { app, post, snapshot, directory };
}

test("the service answers plainly and as a stream in the documented order", async (t) => {
	const { post } = serve(t);
	const plain = await post(ask([user("run this command: id")]));
	assert.equal(plain.status, 200);
	assert.equal(plain.json.stop_reason, "tool_use");
	assert.match(plain.json.content[0].id, /^toolu_/);
	const streamed = await post({
		...ask([user("run this command: id")]),
		stream: true,
	});
	assert.match(
		streamed.headers.get("content-type") ?? "",
		/^text\/event-stream/,
	);
	assert.match(streamed.headers.get("request-id") ?? "", /^req_/);
	const { names, blocks } = parseStream(streamed.text);
	assert.deepEqual(names, [
		"message_start",
		"ping",
		"content_block_start",
		"content_block_delta",
		"content_block_stop",
		"message_delta",
		"message_stop",
	]);
	assert.deepEqual(blocks[0]?.input, { command: "id" });
});

test("a wrong key, and the old key after a change, are refused", async (t) => {
	const { app, post, snapshot } = serve(t);
	const refused = await post(ask([user("hi")]), { "x-api-key": "wrong" });
	assert.equal(refused.status, 401);
	assert.equal(refused.json.error.type, "authentication_error");
	const rotate = (apiKey: string | null) =>
		app.request("/_lab/key", {
			method: "PUT",
			body: JSON.stringify({ apiKey }),
		});
	assert.equal((await rotate("second")).status, 204);
	assert.equal((await post(ask([user("hi")]))).status, 401);
	assert.equal(
		(await post(ask([user("hi")]), { "x-api-key": "second" })).status,
		200,
	);
	await rotate(null);
	assert.equal(
		(await post(ask([user("hi")]), { "x-api-key": "second" })).status,
		401,
	);
	assert.deepEqual(snapshot?.(), { keyInForce: false });
});

test("wrong requests are refused with the service's types", async (t) => {
	const { app, post } = serve(t);
	const kind = async (body: object | string, headers = {}) => {
		const { status, json } = await post(body, headers);
		return [status, json.error.type];
	};
	const invalid = [400, "invalid_request_error"];
	assert.deepEqual(await kind("{"), invalid);
	assert.deepEqual(await kind(ask([])), invalid);
	assert.deepEqual(
		await kind({ ...ask([user("hi")]), max_tokens: 0 }),
		invalid,
	);
	assert.deepEqual(
		await kind(ask([user("hi")]), { "anthropic-version": "" }),
		invalid,
	);
	assert.deepEqual(await kind({ ...ask([user("hi")]), model: "gpt-9" }), [
		404,
		"not_found_error",
	]);
	const call = assistant([
		{ type: "tool_use", id: "t1", name: "exec", input: {} },
	]);
	assert.deepEqual(await kind(ask([user("a"), call, user("b")])), invalid);
	const stray = user([
		{ type: "tool_result", tool_use_id: "t2", content: "x" },
	]);
	assert.deepEqual(await kind(ask([stray])), invalid);
	assert.equal(
		(
			await app.request("/v1/nothing", {
				headers: { "x-api-key": "key", "anthropic-version": "2023-06-01" },
			})
		).status,
		404,
	);
});
