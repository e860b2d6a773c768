// Stands in for OpenClaw where a test is about the host and the way to it: the same commands, probes, exit codes and words as 2026.9.6 has
// towards the units and `moltbot status` (seen there; tests/host/agent runs the real one). It connects to Discord, asks the model, answers,
// and keeps what was said in its state; it has no sandbox and no pairing. Runs inside the image by Node alone.
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { runInNewContext } from "node:vm";
import { speakProtocol } from "./protocol.ts";

const port = 18789;
const rest = "https://discord.com/api/v10";
const known =
	"gateway secrets models agents tools skills plugins commands channels update";

interface Config {
	secrets: { providers: Record<string, { path: string }> };
}

/** How the one channel is, under the names that the gateway gives to whom asks. */
const discord = {
	running: false,
	connected: false,
	lifecycle: "starting",
	lastError: null as string | null,
	/** No reconnecting any more: Discord has said that it is of no use. */
	terminalDisconnect: false,
	lastDisconnect: null as { at: number; status: number } | null,
};
let bot = "";

/** Turns of all conversations, where the real one has them: what is new is in the journal beside the database. */
let memory: DatabaseSync;

function openMemory(): DatabaseSync {
	const file = `${process.env.OPENCLAW_STATE_DIR}/agents/main/agent/openclaw-agent.sqlite`;
	mkdirSync(dirname(file), { recursive: true });
	const database = new DatabaseSync(file);
	database.exec(
		`PRAGMA journal_mode = wal;
		CREATE TABLE IF NOT EXISTS turns (id INTEGER PRIMARY KEY, channel TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL)`,
	);
	return database;
}

function log(text: string): void {
	process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}

/** Exit 78: a unit that is started again would end the same way. */
function readConfig(): Config {
	const path = process.env.OPENCLAW_CONFIG_PATH ?? "";
	// JSON5 is a part of JavaScript.
	const config = runInNewContext(`(${readFileSync(path, "utf8")}\n)`) as Config;
	const strange = Object.keys(config).find((key) => !known.includes(key));
	if (strange === undefined) return config;
	log(
		`Gateway failed to start: Invalid config at ${path}:\n<root>: Unrecognized key: "${strange}"\nRun "openclaw doctor --fix" to repair, then retry.`,
	);
	process.exit(78);
}

function secret(config: Config, name: string): string {
	const path = config.secrets.providers[name]?.path ?? "";
	return readFileSync(path, "utf8").trim();
}

async function gateway(): Promise<void> {
	// The first process of a container gets only the signals that it asks for.
	process.on("SIGTERM", () => process.exit(0));
	log("[gateway] loading configuration…");
	const config = readConfig();
	memory = openMemory();
	const server = createServer((request, response) => {
		const path = request.url ?? "/";
		const ready = discord.connected;
		const answers: Record<string, [number, unknown]> = {
			"/healthz": [200, { ok: true, status: "live" }],
			"/startupz": [200, { ok: true, status: "started" }],
			"/readyz": [ready ? 200 : 503, { ready }],
		};
		const [status, body] = answers[path] ?? [404, {}];
		response.writeHead(status, { "content-type": "application/json" });
		response.end(JSON.stringify(body));
	});
	speakProtocol(server, {
		token: secret(config, "gateway-token"),
		isStarted: () => true,
		health: () => ({ channels: { discord } }),
	});
	server.listen(port, "0.0.0.0", () => log("[gateway] ready"));
	await stayConnected(secret(config, "discord-bot-token"), {
		"x-api-key": secret(config, "anthropic-api-key"),
	});
}

async function stayConnected(
	token: string,
	model: Record<string, string>,
): Promise<void> {
	for (let attempt = 1; ; attempt += 1) {
		try {
			await connection(token, model);
		} catch (error) {
			discord.lastError = `Failed to resolve Discord application id: ${(error as Error).message}`;
			if (discord.lastError.includes("(401)")) giveUp(401);
			log(`[discord] [default] channel exited: ${discord.lastError}`);
		}
		discord.running = discord.connected = false;
		if (discord.terminalDisconnect) break;
		await new Promise((next) =>
			setTimeout(next, Math.min(1000 * attempt, 5000)),
		);
	}
	log("[discord] [default] auto-restart skipped, terminal disconnect");
}

function giveUp(status: number): void {
	discord.lastDisconnect = { at: Date.now(), status };
	discord.lifecycle = "blocked";
	discord.terminalDisconnect = true;
}

/** One connection, until it ends. */
async function connection(
	token: string,
	model: Record<string, string>,
): Promise<void> {
	await call(token, "GET", "/oauth2/applications/@me");
	const { url } = (await call(token, "GET", "/gateway/bot")) as { url: string };
	discord.running = true;
	const socket = new WebSocket(`${url}/?v=10&encoding=json`);
	let seq: number | null = null;
	let beat: NodeJS.Timeout | undefined;
	const send = (op: number, d: unknown) =>
		socket.send(JSON.stringify({ op, d }));
	socket.onmessage = ({ data }) => {
		const frame = JSON.parse(String(data));
		seq = frame.s ?? seq;
		if (frame.op === 10) {
			beat = setInterval(() => send(1, seq), frame.d.heartbeat_interval);
			send(2, { token, intents: 1 << 12, properties: {} });
		} else if (frame.t === "READY") {
			bot = frame.d.user.id;
			Object.assign(discord, {
				connected: true,
				lifecycle: "ready",
				lastError: null,
			});
			log("[discord] connected");
		} else if (frame.t === "MESSAGE_CREATE" && frame.d.author.id !== bot)
			answer(token, model, frame.d).catch((error) => log(String(error)));
	};
	await new Promise<void>((ended) => {
		socket.onerror = () => {};
		socket.onclose = ({ code }) => {
			clearInterval(beat);
			discord.lastDisconnect = { at: Date.now(), status: code };
			log(`[discord] gateway: Gateway websocket closed: ${code}`);
			if (code === 4004) {
				discord.lastError = `discord gateway fatal: Error: Fatal gateway close code: ${code}`;
				giveUp(code);
				log(`[discord] [default] channel exited: ${discord.lastError}`);
			}
			ended();
		};
	});
}

async function answer(
	token: string,
	model: Record<string, string>,
	{ channel_id, content }: { channel_id: string; content: string },
): Promise<void> {
	const turns = memory
		.prepare("SELECT role, content FROM turns WHERE channel = ? ORDER BY id")
		.all(channel_id);
	const asked = await fetch("https://api.anthropic.com/v1/messages", {
		method: "POST",
		headers: {
			...model,
			"anthropic-version": "2023-06-01",
			"content-type": "application/json",
		},
		body: JSON.stringify({
			model: "claude-sonnet-4-6",
			max_tokens: 1024,
			messages: [...turns, { role: "user", content }],
		}),
	});
	if (!asked.ok) throw new Error(`the model answered ${asked.status}`);
	const said = (await asked.json()) as { content: { text: string }[] };
	const reply = said.content.map(({ text }) => text).join("");
	memory
		.prepare(
			"INSERT INTO turns (channel, role, content) VALUES (:channel, 'user', :content), (:channel, 'assistant', :reply)",
		)
		.run({ channel: channel_id, content, reply });
	await call(token, "POST", `/channels/${channel_id}/messages`, {
		content: reply,
	});
}

async function call(
	token: string,
	method: string,
	path: string,
	body?: unknown,
): Promise<unknown> {
	const response = await fetch(`${rest}${path}`, {
		method,
		headers: {
			authorization: `Bot ${token}`,
			"content-type": "application/json",
		},
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	if (!response.ok)
		throw new Error(
			`Discord API ${path} failed (${response.status}): ${await response.text()}`,
		);
	return response.json();
}

const commands: Record<string, () => Promise<void> | void> = {
	gateway,
	"--version": () => console.log("OpenClaw 2026.9.6 (stand-in)"),
};
await commands[process.argv[2] ?? ""]?.();
