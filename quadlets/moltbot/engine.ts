// Stands between the gateway and the engine of the agent's uid: a gateway that is taken over can make, use and remove sandboxes, but no other
// container, reaches no container that is none, and changes no image. engine-policy.ts says what is forwarded. Runs in a container of its
// own, from the gateway's image.
import { chmodSync, rmSync } from "node:fs";
import {
	createServer,
	type IncomingMessage,
	request,
	type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
	judgedCreate,
	judgedExec,
	Refused,
	type Route,
	routeOf,
	sandboxLabel,
} from "./engine-policy.ts";

const [engine = "/run/podman/podman.sock", own = "/run/engine/podman.sock"] =
	process.argv.slice(2);
const maxBody = 1 << 20;

/** The request as the engine gets it. */
interface Forward {
	readonly method: string;
	readonly path: string;
	readonly body: Buffer;
}

/** Asks the engine on its own account. */
async function ask(path: string): Promise<Record<string, unknown> | undefined> {
	const [status, text] = await new Promise<[number, string]>(
		(resolve, reject) => {
			request(
				{ socketPath: engine, path: `/v5.0.0/libpod/${path}` },
				(response) => {
					let body = "";
					response.setEncoding("utf8").on("data", (chunk: string) => {
						body += chunk;
					});
					response.on("end", () => resolve([response.statusCode ?? 0, body]));
				},
			)
				.on("error", reject)
				.end();
		},
	);
	if (status === 404) return undefined;
	if (status !== 200) throw new Error(`the engine answers ${status}: ${text}`);
	return JSON.parse(text) as Record<string, unknown>;
}

/** What the gateway names is not there: said here, so that nothing that comes to be meanwhile is met by the request. */
class Missing extends Error {}

/** Full id of a sandbox; throws where it is none. */
async function sandbox(reference: string): Promise<string> {
	const found = await ask(`containers/${encodeURIComponent(reference)}/json`);
	if (found === undefined)
		throw new Missing(`no container with name or ID "${reference}" found`);
	const { Labels: labels } = (found.Config ?? {}) as {
		Labels?: Record<string, string>;
	};
	if (
		labels?.[sandboxLabel] !== "1" ||
		labels.PODMAN_SYSTEMD_UNIT !== undefined
	)
		throw new Refused(`${reference}: is no sandbox`);
	return String(found.Id);
}

/** How long the gateway waits for an image that the host is still pulling or building. */
const imageArrives = 5 * 60_000;

/** Ends when the image is there, when it takes too long, or when nobody waits any more. */
async function arrival(reference: string, client: Duplex): Promise<void> {
	const last = Date.now() + imageArrives;
	while (
		(await ask(`images/${encodeURIComponent(reference)}/json`)) === undefined &&
		Date.now() < last &&
		!client.destroyed
	)
		await sleep(1000);
}

async function judged(
	message: IncomingMessage,
	body: Buffer,
): Promise<Forward> {
	const url = new URL(message.url ?? "", "http://engine");
	const [, version = "", path = ""] =
		/^(\/v\d+(?:\.\d+)*\/libpod\/|\/(?=_ping$))(.+)$/.exec(url.pathname) ?? [];
	const method = message.method ?? "";
	const route = routeOf(method, path, url.searchParams);
	const forward = { method, path: url.pathname + url.search, body };
	const json = () => JSON.parse(body.toString()) as unknown;
	const withBody = (value: unknown) => Buffer.from(JSON.stringify(value));
	if (route.kind === "create")
		return { ...forward, body: withBody(judgedCreate(json())) };
	if (route.kind === "open") return forward;
	if (route.kind === "image") {
		await arrival(route.reference, message.socket);
		return forward;
	}
	const id = await sandboxOf(route);
	if (route.kind === "exec") return forward;
	// By its id from here on: names can change hands.
	const target = `${version}containers/${[id, route.rest].filter(Boolean).join("/")}${url.search}`;
	return {
		...forward,
		path: target,
		body: route.rest === "exec" ? withBody(judgedExec(json())) : body,
	};
}

async function sandboxOf(
	route: Route & { kind: "container" | "exec" },
): Promise<string> {
	if (route.kind === "container") return sandbox(route.reference);
	const session = await ask(`exec/${route.session}/json`);
	if (session === undefined)
		throw new Missing(`no exec session with ID ${route.session} found`);
	return sandbox(String(session.ContainerID));
}

/** The body of a request whose stream is the engine's afterwards, and what came after it. */
async function bodyOf(
	stream: AsyncIterable<Buffer> | Duplex,
	length: number,
	begun: Buffer,
): Promise<[Buffer, Buffer]> {
	let bytes = begun;
	if (length > maxBody) throw new Refused("the request is too long");
	if (bytes.length < length)
		for await (const chunk of (stream as Duplex).iterator({
			destroyOnReturn: false,
		})) {
			bytes = Buffer.concat([bytes, chunk as Buffer]);
			if (bytes.length >= length) break;
		}
	return [bytes.subarray(0, length), bytes.subarray(length)];
}

function send(message: IncomingMessage, { method, path, body }: Forward) {
	const headers = Object.fromEntries(
		["connection", "upgrade", "content-type"].flatMap((name) => {
			const value = message.headers[name];
			return typeof value === "string" ? [[name, value]] : [];
		}),
	);
	return request({
		socketPath: engine,
		method,
		path,
		headers: { ...headers, host: "d", "content-length": body.length },
	}).end(body);
}

/** Status, and what the gateway's Podman shows. */
function refusal(message: IncomingMessage, error: unknown): [number, string] {
	const refused = error instanceof Refused || error instanceof SyntaxError;
	const text = error instanceof Error ? error.message : String(error);
	if (error instanceof Missing)
		return [404, problem("no such container", text, 404)];
	console.error(
		`${refused ? "refused" : "failed"}: ${message.method} ${message.url}: ${text}`,
	);
	return refused
		? [403, problem("engine policy", `refused by the host: ${text}`, 403)]
		: [502, problem("engine", text, 502)];
}

/** An error in the form of Podman's API. */
function problem(cause: string, message: string, response: number): string {
	return JSON.stringify({ cause, message, response });
}

async function answer(
	message: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const chunks: Buffer[] = [];
	let length = 0;
	for await (const chunk of message as AsyncIterable<Buffer>) {
		length += chunk.length;
		if (length <= maxBody) chunks.push(chunk);
	}
	if (length > maxBody) throw new Refused("the request is too long");
	const upstream = send(message, await judged(message, Buffer.concat(chunks)));
	// A client that goes away ends what it asked for.
	response.on("close", () => upstream.destroy());
	await new Promise<void>((resolve, reject) => {
		upstream.on("error", reject);
		upstream.on("response", (from) => {
			response.writeHead(from.statusCode ?? 502, from.headers);
			from.pipe(response);
			from.on("close", resolve);
		});
	});
}

/** The streams of a command in a sandbox: the engine takes the connection over, and only then its bytes are handed through. */
async function attach(
	message: IncomingMessage,
	client: Duplex,
	head: Buffer,
): Promise<void> {
	const length = Number(message.headers["content-length"] ?? 0);
	const [body, early] = await bodyOf(client, length, head);
	const upstream = send(message, await judged(message, body));
	await new Promise<void>((resolve, reject) => {
		upstream.on("error", reject);
		upstream.on("response", (from) =>
			reject(
				new Error(`the engine answers ${from.statusCode} to an attachment`),
			),
		);
		upstream.on("upgrade", (from, stream, first) => {
			const lines = [`HTTP/1.1 ${from.statusCode} ${from.statusMessage}`];
			for (let i = 0; i < from.rawHeaders.length; i += 2)
				lines.push(`${from.rawHeaders[i]}: ${from.rawHeaders[i + 1]}`);
			client.write(`${lines.join("\r\n")}\r\n\r\n`);
			client.write(first);
			stream.write(early);
			// Each side ends on its own: a command without input still has output.
			client.pipe(stream).pipe(client);
			for (const [one, other] of [
				[client, stream],
				[stream, client],
			] as const) {
				one.on("error", () => other.destroy());
				// What came before a regular end has still to be handed on.
				one.on("close", () => one.readableEnded || other.destroy());
			}
			resolve();
		});
	});
}

const server = createServer((message, response) => {
	answer(message, response).catch((error: unknown) => {
		const [status, text] = refusal(message, error);
		if (response.headersSent) return response.destroy();
		response
			.writeHead(status, { "content-type": "application/json" })
			.end(text);
	});
});
server.on("upgrade", (message, client, head) => {
	client.on("error", () => client.destroy());
	attach(message, client, head).catch((error: unknown) => {
		const [status, text] = refusal(message, error);
		client.end(
			`HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
		);
	});
});
process.on("SIGTERM", () => process.exit(0));
rmSync(own, { force: true });
// The gateway has another uid; nobody else has the folder.
server.listen(own, () => chmodSync(own, 0o666));
