// The gateway's protocol as far as OpenClaw 2026.9.6 shows it to one who asks how it is: challenge, greeting, one question. In its words, and as
// strict about what it is sent.
import type { Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";

/** The gateway behind the protocol. */
export interface Gateway {
	readonly token: string;
	/** Until then it lets nobody in. */
	readonly isStarted: () => boolean;
	readonly health: () => object;
}

const protocol = 4;
const known =
	"minProtocol maxProtocol client role scopes caps commands permissions auth locale userAgent device";

interface Request {
	type: string;
	id: string;
	method: string;
	params: {
		minProtocol: number;
		maxProtocol: number;
		client: { id: string; mode: string; version: string; platform: string };
		role: string;
		scopes: string[];
		auth?: { token?: string };
	};
}

/** Lets the server speak the protocol beside its pages. */
export function speakProtocol(server: Server, gateway: Gateway): void {
	new WebSocketServer({ server }).on("connection", (socket) =>
		serve(socket, gateway),
	);
}

function serve(socket: WebSocket, gateway: Gateway): void {
	const send = (frame: object) => socket.send(JSON.stringify(frame));
	let isIn = false;
	send({
		type: "event",
		event: "connect.challenge",
		payload: { nonce: "0", ts: Date.now() },
	});
	socket.on("message", (data) => {
		const { id, method, params } = JSON.parse(String(data)) as Request;
		const refuse = (code: string, message: string, more = {}) =>
			send({ type: "res", id, ok: false, error: { code, message, ...more } });
		if (!isIn) {
			const why = method === "connect" ? refused(params, gateway) : first;
			if (why) {
				refuse(...why.error);
				return socket.close(why.code, why.error[1]);
			}
			isIn = true;
			const { role, scopes } = params;
			const payload = { type: "hello-ok", protocol, auth: { role, scopes } };
			return send({ type: "res", id, ok: true, payload });
		}
		if (method !== "health")
			return refuse("INVALID_REQUEST", `unknown method: ${method}`);
		send({ type: "res", id, ok: true, payload: gateway.health() });
	});
}

/** Error of the frame, and the code with which the connection ends. */
interface Refusal {
	readonly error: [code: string, message: string, more?: object];
	readonly code: number;
}

const first: Refusal = {
	error: [
		"INVALID_REQUEST",
		"invalid handshake: first request must be connect",
	],
	code: 1008,
};

function refused(
	params: Request["params"],
	{ token, isStarted }: Gateway,
): Refusal | undefined {
	const strange = Object.keys(params).find(
		(name) => !known.split(" ").includes(name),
	);
	if (strange)
		return {
			error: [
				"INVALID_REQUEST",
				`invalid connect params: at root: unexpected property '${strange}'`,
			],
			code: 1008,
		};
	if (!isStarted())
		return {
			error: [
				"UNAVAILABLE",
				"gateway starting; retry shortly",
				{ retryable: true, retryAfterMs: 500 },
			],
			code: 1013,
		};
	if (params.minProtocol > protocol || params.maxProtocol < protocol)
		return { error: ["INVALID_REQUEST", "protocol mismatch"], code: 1002 };
	if (params.auth?.token !== token)
		return {
			error: [
				"INVALID_REQUEST",
				"unauthorized: gateway token mismatch (provide gateway auth token)",
				{ details: { code: "AUTH_TOKEN_MISMATCH" } },
			],
			code: 1008,
		};
	return undefined;
}
