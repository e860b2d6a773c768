import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { WebSocket } from "ws";
import { createWorld } from "../world.ts";
import { DiscordClient, DiscordLabError } from "./client.ts";
import { discordCloud } from "./index.ts";

const token = "lab-token";

/** Serves the stand-in on loopback until the test ends. */
async function serve(t: TestContext, heartbeatInterval = 41_250) {
	const directory = mkdtempSync(join(tmpdir(), "discord-"));
	const app = new Hono();
	const server = createAdaptorServer({ fetch: app.fetch });
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const world = createWorld(directory);
	const gatewayUrl = `ws://127.0.0.1:${port}`;
	const cloud = discordCloud(world, { token, gatewayUrl, heartbeatInterval });
	app.route("/", cloud.app);
	app.notFound((c) => c.json({ message: "404: Not Found", code: 0 }, 404));
	server.on("upgrade", (request, socket, head) =>
		cloud.upgrade?.(request, socket, head),
	);
	t.after(async () => {
		await cloud.close?.();
		server.close();
		rmSync(directory, { recursive: true });
	});
	const base = `http://127.0.0.1:${port}`;
	const rest = async (
		method: string,
		path: string,
		body?: object,
		auth = `Bot ${token}`,
	) => {
		const answer = await fetch(`${base}/api/v10${path}`, {
			method,
			headers: { authorization: auth, "content-type": "application/json" },
			...(body ? { body: JSON.stringify(body) } : {}),
		});
		const text = await answer.text();
		return {
			status: answer.status,
			headers: answer.headers,
			body: text ? JSON.parse(text) : null,
		};
	};
	return {
		world,
		cloud,
		rest,
		gatewayUrl,
		client: new DiscordClient({ baseUrl: base }),
		base,
	};
}

interface Frame {
	op: number;
	t?: string;
	s?: number;
	// biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects
	d: any;
}

/** A gateway client that hands out frames one after another. */
class Bot {
	readonly socket: WebSocket;
	readonly #frames: Frame[] = [];
	readonly #waiting: ((frame: Frame) => void)[] = [];
	readonly closed: Promise<number>;

	constructor(url: string) {
		this.socket = new WebSocket(`${url}/?v=10&encoding=json`);
		this.socket.on("message", (data) => {
			const frame = JSON.parse(String(data));
			const waiter = this.#waiting.shift();
			if (waiter) waiter(frame);
			else this.#frames.push(frame);
		});
		this.closed = once(this.socket, "close").then(([code]) => code);
	}

	next(): Promise<Frame> {
		const frame = this.#frames.shift();
		return frame
			? Promise.resolve(frame)
			: new Promise((resolve) => this.#waiting.push(resolve));
	}

	send(op: number, d: unknown): void {
		this.socket.send(JSON.stringify({ op, d }));
	}

	async identify(as = token, intents = 46601): Promise<Frame> {
		assert.equal((await this.next()).op, 10);
		this.send(2, { token: as, intents, properties: { os: "linux" } });
		return this.next();
	}
}

test("a bot connects, receives a direct message and answers it", async (t) => {
	const { rest, client, gatewayUrl } = await serve(t);
	assert.equal((await rest("GET", "/gateway/bot")).body.url, gatewayUrl);
	for (const me of ["@me", "%40me"])
		assert.equal((await rest("GET", `/users/${me}`)).body.bot, true);
	const bot = new Bot(gatewayUrl);
	const ready = await bot.identify();
	assert.equal(ready.t, "READY");
	assert.equal(ready.d.user.bot, true);
	assert.equal(await client.connected(), 1);

	bot.send(1, ready.s);
	assert.equal((await bot.next()).op, 11);

	const answer = client.ask("owner", "hello", {
		id: "123456789012345678",
		deadline: 5000,
	});
	const { t: name, d: message } = await bot.next();
	assert.equal(name, "MESSAGE_CREATE");
	assert.equal(message.content, "hello");
	assert.equal(message.channel_type, 1);
	assert.equal(message.author.id, "123456789012345678");

	const channel = `/channels/${message.channel_id}`;
	assert.equal(
		(await rest("GET", channel)).body.recipients[0].username,
		"owner",
	);
	assert.equal((await rest("POST", `${channel}/typing`)).status, 204);
	const sent = await rest("POST", `${channel}/messages`, {
		content: "hi there",
		message_reference: { message_id: message.id },
	});
	assert.equal(sent.status, 200);
	assert.equal((await answer).content, "hi there");
	assert.equal(
		(await bot.next()).d.author.bot,
		true,
		"a bot hears its own messages",
	);

	const history = (await rest("GET", `${channel}/messages?limit=10`)).body;
	assert.deepEqual(
		history.map((m: { content: string }) => m.content),
		["hi there", "hello"],
	);
});

test("users have channels and replies of their own", async (t) => {
	const { rest, client } = await serve(t);
	const owner = await client.sendDm("owner", "one");
	const other = await client.sendDm("stranger", "two");
	assert.notEqual(owner.user, other.user);
	const channel = (
		await rest("POST", "/users/@me/channels", { recipient_id: other.user })
	).body;
	await rest("POST", `/channels/${channel.id}/messages`, {
		content: "for the stranger",
	});
	assert.deepEqual(await client.replies("owner"), []);
	assert.equal(
		(await client.replies("stranger"))[0]?.content,
		"for the stranger",
	);
	assert.equal(
		(await rest("POST", "/users/@me/channels", { recipient_id: "1" })).body
			.code,
		50033,
	);
});

test("asking without an answer ends at the deadline", async (t) => {
	const { client } = await serve(t);
	await assert.rejects(
		client.ask("owner", "anybody there?", { deadline: 50 }),
		(error: Error) =>
			error instanceof DiscordLabError &&
			/did not answer owner/.test(error.message),
	);
});

test("a wrong token gets 401 and close code 4004", async (t) => {
	const { rest, gatewayUrl } = await serve(t);
	const refused = await rest("GET", "/users/@me", undefined, "Bot wrong");
	assert.equal(refused.status, 401);
	assert.deepEqual(refused.body, { message: "401: Unauthorized", code: 0 });
	assert.equal(
		(await rest("GET", "/users/@me", undefined, token)).status,
		401,
		"without 'Bot'",
	);
	const bot = new Bot(gatewayUrl);
	void bot.identify("wrong");
	assert.equal(await bot.closed, 4004);
});

test("a new token ends the old one's sessions, and a revoked one stays out", async (t) => {
	const { rest, client, gatewayUrl } = await serve(t);
	const bot = new Bot(gatewayUrl);
	await bot.identify();
	await client.rotateToken("second");
	assert.equal(await bot.closed, 4004);
	assert.equal((await rest("GET", "/users/@me")).status, 401);
	assert.equal(
		(await rest("GET", "/users/@me", undefined, "Bot second")).status,
		200,
	);
	const healed = new Bot(gatewayUrl);
	assert.equal((await healed.identify("second")).t, "READY");
	await client.revokeToken();
	assert.equal(await healed.closed, 4004);
	assert.equal(
		(await rest("GET", "/users/@me", undefined, "Bot second")).status,
		401,
	);
});

test("a resumed session gets what it missed; a forgotten one is told to start anew", async (t) => {
	const { client, gatewayUrl } = await serve(t);
	const first = new Bot(gatewayUrl);
	const ready = await first.identify();
	await client.dropConnections();
	assert.equal(await first.closed, 1006);
	await client.sendDm("owner", "while you were away");

	const second = new Bot(gatewayUrl);
	await second.next();
	second.send(6, { token, session_id: ready.d.session_id, seq: ready.s });
	assert.equal((await second.next()).d.content, "while you were away");
	assert.equal((await second.next()).t, "RESUMED");

	await client.dropConnections({ reconnect: true, forget: true });
	assert.equal((await second.next()).op, 7);
	const third = new Bot(gatewayUrl);
	await third.next();
	third.send(6, { token, session_id: ready.d.session_id, seq: 3 });
	assert.deepEqual(await third.next(), { op: 9, d: false });
});

test("a session without the intent for direct messages hears nothing", async (t) => {
	const { client, gatewayUrl } = await serve(t);
	const bot = new Bot(gatewayUrl);
	await bot.identify(token, 1 << 9);
	await client.sendDm("owner", "unheard");
	bot.send(1, 1);
	assert.equal(
		(await bot.next()).op,
		11,
		"nothing came before the answer to the heartbeat",
	);
});

test("a silent, a rude and an unidentified client are put out", async (t) => {
	const { gatewayUrl } = await serve(t, 40);
	const silent = new Bot(gatewayUrl);
	await silent.identify();
	assert.equal(await silent.closed, 4009);
	// With time to speak, so that silence is not what ends them.
	const patient = await serve(t);
	const rude = new Bot(patient.gatewayUrl);
	await rude.next();
	rude.socket.send("not json");
	assert.equal(await rude.closed, 4002);
	const early = new Bot(patient.gatewayUrl);
	await early.next();
	early.send(3, {});
	assert.equal(await early.closed, 4003);
});

test("the sixth message within five seconds is limited, and the clock lifts it", async (t) => {
	const { rest, client, world } = await serve(t);
	const { user } = await client.sendDm("owner", "hi");
	const channel = (
		await rest("POST", "/users/@me/channels", { recipient_id: user })
	).body.id;
	const post = () =>
		rest("POST", `/channels/${channel}/messages`, { content: "again" });
	for (let count = 5; count > 0; count--)
		assert.equal((await post()).status, 200);
	const limited = await post();
	assert.equal(limited.status, 429);
	assert.equal(limited.body.global, false);
	assert.ok(limited.body.retry_after > 0 && limited.body.retry_after <= 5);
	assert.ok(Number(limited.headers.get("retry-after")) >= 1);
	world.clock.advance(5000);
	assert.equal((await post()).status, 200);
});

test("wrong messages are refused with Discord's codes", async (t) => {
	const { rest, client } = await serve(t);
	const { user } = await client.sendDm("owner", "hi");
	const channel = (
		await rest("POST", "/users/@me/channels", { recipient_id: user })
	).body.id;
	const code = async (body: object, id = channel) => {
		const answer = await rest("POST", `/channels/${id}/messages`, body);
		return [answer.status, answer.body.code];
	};
	assert.deepEqual(await code({ content: "" }), [400, 50006]);
	assert.deepEqual(await code({ content: "x".repeat(2001) }), [400, 50035]);
	assert.deepEqual(await code({ content: "x" }, "42"), [404, 10003]);
	assert.equal((await rest("GET", "/nothing/here")).status, 404);
});

test("messages are edited and deleted, and files are taken as a form", async (t) => {
	const { rest, client, base } = await serve(t);
	const { user } = await client.sendDm("owner", "hi");
	const channel = (
		await rest("POST", "/users/@me/channels", { recipient_id: user })
	).body.id;
	const form = new FormData();
	form.set("payload_json", JSON.stringify({ content: "see file" }));
	form.set("files[0]", new File(["four"], "a.txt"));
	const sent = await fetch(`${base}/api/v10/channels/${channel}/messages`, {
		method: "POST",
		headers: { authorization: `Bot ${token}` },
		body: form,
	});
	const message = (await sent.json()) as {
		id: string;
		attachments: { filename: string; size: number }[];
	};
	assert.equal(message.attachments[0]?.filename, "a.txt");
	assert.equal(message.attachments[0]?.size, 4);
	const path = `/channels/${channel}/messages/${message.id}`;
	assert.equal(
		(await rest("PATCH", path, { content: "better" })).body.content,
		"better",
	);
	assert.equal((await client.replies("owner"))[0]?.content, "better");
	assert.equal((await rest("DELETE", path)).status, 204);
	assert.equal((await rest("GET", path)).body.code, 10008);
});

test("commands are registered under the bot's own application only", async (t) => {
	const { rest } = await serve(t);
	const { id } = (await rest("GET", "/oauth2/applications/@me")).body;
	const commands = `/applications/${id}/commands`;
	const made = await rest("POST", commands, {
		name: "status",
		description: "d",
	});
	assert.equal(made.status, 201);
	assert.equal(
		(await rest("POST", commands, { name: "status", description: "e" })).status,
		200,
	);
	assert.equal((await rest("GET", commands)).body.length, 1);
	assert.equal(
		(await rest("DELETE", `${commands}/${made.body.id}`)).status,
		204,
	);
	assert.equal(
		(await rest("PUT", commands, [{ name: "a" }, { name: "b" }])).body.length,
		2,
	);
	assert.equal((await rest("GET", "/applications/42/commands")).status, 403);
});

test("a restart of the stand-in keeps messages and the token in force", async (t) => {
	const { world, client } = await serve(t);
	await client.sendDm("owner", "remember me");
	await client.rotateToken("second");
	const again = discordCloud(createWorld(world.stateDir), { token });
	const answer = await again.app.request("/api/v10/users/@me", {
		headers: { authorization: "Bot second" },
	});
	assert.equal(answer.status, 200);
	const snapshot = again.snapshot?.() as {
		messages: { content: string }[];
		token?: string;
	};
	assert.equal(snapshot.messages[0]?.content, "remember me");
	assert.equal(snapshot.token, undefined, "the token is in no snapshot");
	await again.close?.();
});
