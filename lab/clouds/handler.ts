import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Cloud, World } from "./cloud.ts";
import type { FaultAction, Faults } from "./faults.ts";
import { keptBodyBytes, type RequestLog } from "./requestLog.ts";

/** What stands between a socket and the clouds. */
export interface Handler {
	request(incoming: IncomingMessage, outgoing: ServerResponse): void;
	upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** What a handler works with. */
export interface HandlerParts {
	world: World;
	route: (host: string) => Cloud | undefined;
	log: RequestLog;
	faults: Faults;
	/** Ends waiting faults when the lab is closed. */
	signal: AbortSignal;
	/** Resets the connection below a request. */
	reset(socket: Duplex): void;
}

/** Joins routing, request log, fault injection and the lab's Date header. */
export function createHandler(parts: HandlerParts): Handler {
	const { world, route, log, faults, reset, signal } = parts;

	function begin(incoming: IncomingMessage, cloud: Cloud | undefined) {
		const url = incoming.url ?? "/";
		const mark = url.indexOf("?");
		const entry = {
			time: new Date(world.clock.now()).toISOString(),
			cloud: cloud?.name ?? "",
			method: incoming.method ?? "GET",
			host: incoming.headers.host ?? "",
			path: mark < 0 ? url : url.slice(0, mark),
			query: mark < 0 ? "" : url.slice(mark),
			userAgent: incoming.headers["user-agent"] ?? "",
		};
		// The lab's own control interface is no cloud: its calls are neither logged nor hit by faults.
		const isControl = cloud?.name === "control";
		const logged = isControl
			? { ...entry, seq: 0, body: "", status: null }
			: log.begin(entry);
		const action = isControl ? undefined : faults.take(entry);
		if (action !== undefined) logged.fault = describe(action);
		return { logged, action, finish: () => isControl || log.finish(logged) };
	}

	const respond = getRequestListener(
		async (request, bindings) => {
			const { incoming, outgoing } = bindings as {
				incoming: IncomingMessage;
				outgoing: ServerResponse;
			};
			const cloud = route(incoming.headers.host ?? "");
			const { logged, action, finish } = begin(incoming, cloud);
			const body = keepBody(incoming);
			outgoing.once("close", () => {
				logged.body = body();
				finish();
			});
			outgoing.setHeader("date", new Date(world.clock.now()).toUTCString());

			const response = await answer(request, cloud, action, incoming);
			logged.body = body();
			if (response === "reset" || outgoing.destroyed) {
				reset(incoming.socket);
				return RESPONSE_ALREADY_SENT;
			}
			logged.status = response.status;
			return response;
		},
		{ overrideGlobalObjects: false },
	);

	async function answer(
		request: Request,
		cloud: Cloud | undefined,
		action: FaultAction | undefined,
		incoming: IncomingMessage,
	): Promise<Response | "reset"> {
		if (action === "reset") return "reset";
		if (typeof action === "object" && "status" in action)
			return faultResponse(action);
		const ask = async () =>
			cloud
				? await cloud.app.fetch(request, { incoming })
				: new Response(`No stand-in answers for ${incoming.headers.host}.\n`, {
						status: 421,
					});
		if (action === undefined) return ask();
		if (action === "after") {
			await (await ask()).arrayBuffer();
			return "reset";
		}
		const gone = new AbortController();
		incoming.socket.once("close", () => gone.abort());
		const wait = () =>
			sleep(action.delay, undefined, {
				signal: AbortSignal.any([signal, gone.signal]),
			}).then(
				() => true,
				() => false,
			);
		if (action.after) {
			const response = await ask();
			return (await wait()) ? response : "reset";
		}
		return (await wait()) ? ask() : "reset";
	}

	async function upgrade(
		incoming: IncomingMessage,
		socket: Duplex,
		head: Buffer,
	): Promise<void> {
		const cloud = route(incoming.headers.host ?? "");
		const { logged, action, finish } = begin(incoming, cloud);
		socket.once("close", finish);
		socket.on("error", () => socket.destroy());
		if (action === "reset" || action === "after") return reset(socket);
		if (typeof action === "object" && "status" in action) {
			logged.status = action.status;
			return refuse(socket, action.status);
		}
		if (action) await sleep(action.delay);
		if (!cloud?.upgrade) {
			logged.status = cloud ? 400 : 421;
			return refuse(socket, logged.status);
		}
		logged.status = 101;
		cloud.upgrade(incoming, socket, head);
	}

	return {
		request: (incoming, outgoing) => void respond(incoming, outgoing),
		upgrade: (incoming, socket, head) => void upgrade(incoming, socket, head),
	};
}

function faultResponse(
	action: Extract<FaultAction, { status: number }>,
): Response {
	const text =
		typeof action.body === "string" ? action.body : JSON.stringify(action.body);
	const headers = new Headers(action.headers);
	if (!headers.has("content-type"))
		headers.set(
			"content-type",
			text.startsWith("<") ? "text/html" : "application/json",
		);
	const empty = [204, 205, 304].includes(action.status);
	return new Response(empty ? null : text, { status: action.status, headers });
}

function describe(action: FaultAction): string {
	if (typeof action === "string") return action;
	if ("status" in action) return `status ${action.status}`;
	return `delay ${action.delay}${action.after ? " after" : ""}`;
}

function refuse(socket: Duplex, status: number): void {
	socket.end(
		`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
	);
}

/**
 * Keeps the first bytes of a request's body on their way to whoever reads it. Wrapping `push` neither starts the
 * stream nor copies it, which a listener on `data` or a second stream would do.
 */
function keepBody(incoming: IncomingMessage): () => string {
	const chunks: Buffer[] = [];
	let kept = 0;
	const push = incoming.push.bind(incoming);
	incoming.push = (chunk: unknown, encoding?: BufferEncoding) => {
		if (Buffer.isBuffer(chunk) && kept < keptBodyBytes) {
			chunks.push(chunk.subarray(0, keptBodyBytes - kept));
			kept += chunk.length;
		}
		return push(chunk, encoding);
	};
	return () => Buffer.concat(chunks).toString("utf8");
}
