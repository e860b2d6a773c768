import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { z } from "zod";
import type { World } from "../cloud.ts";
import type { DiscordState } from "./state.ts";
import { type GatewayEvent, userJson } from "./wire.ts";

/** Close codes of the gateway, by Discord's documentation ("Gateway Close Event Codes"). */
export const closeCode = {
	unknownOpcode: 4001,
	decodeError: 4002,
	notAuthenticated: 4003,
	authenticationFailed: 4004,
	alreadyAuthenticated: 4005,
	invalidSequence: 4007,
	sessionTimedOut: 4009,
	invalidApiVersion: 4012,
	invalidIntents: 4013,
} as const;

const op = {
	dispatch: 0,
	heartbeat: 1,
	identify: 2,
	presence: 3,
	voiceState: 4,
	resume: 6,
	reconnect: 7,
	requestGuildMembers: 8,
	invalidSession: 9,
	hello: 10,
	heartbeatAck: 11,
} as const;

/** Events of direct messages reach only sessions that asked for them (`1 << 12`). */
const directMessages = 1 << 12;
const allIntents = 2 ** 26;

const frameSchema = z.object({ op: z.number().int(), d: z.unknown() });
const identifySchema = z.object({
	token: z.string(),
	intents: z.number().int().nonnegative(),
	properties: z.object({}),
});
const resumeSchema = z.object({
	token: z.string(),
	session_id: z.string(),
	seq: z.number().int(),
});

interface Session {
	id: string;
	intents: number;
	seq: number;
	/** What was sent, for a resume. */
	sent: { seq: number; frame: string }[];
	socket: WebSocket | undefined;
}

/** The gateway WebSocket. Sessions live in memory: after a restart of the stand-in a resume is answered with op 9. */
export class DiscordGateway {
	readonly #server = new WebSocketServer({ noServer: true });
	readonly #sessions = new Map<string, Session>();
	readonly #world: World;
	readonly #state: DiscordState;
	readonly #url: string;
	readonly #heartbeatInterval: number;

	constructor(
		world: World,
		state: DiscordState,
		options: { url: string; heartbeatInterval: number },
	) {
		this.#world = world;
		this.#state = state;
		this.#url = options.url;
		this.#heartbeatInterval = options.heartbeatInterval;
	}

	upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		const query = new URL(request.url ?? "/", "ws://discord").searchParams;
		if (query.has("compress") || (query.get("encoding") ?? "json") !== "json") {
			socket.end(
				"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\nX-Lab-Reason: only encoding=json without compression\r\n\r\n",
			);
			return;
		}
		this.#server.handleUpgrade(request, socket, head, (ws) => {
			const version = query.get("v");
			if (version !== null && version !== "10")
				ws.close(closeCode.invalidApiVersion, "Invalid API version");
			else this.#greet(ws);
		});
	}

	/** Bots that are connected and identified now. */
	get connected(): number {
		return [...this.#sessions.values()].filter((s) => s.socket).length;
	}

	/** Tells every identified session that asked for direct messages. */
	dispatch(event: GatewayEvent): void {
		for (const session of this.#sessions.values())
			if (session.intents & directMessages) this.#send(session, event);
	}

	/** Cuts all connections: with a close frame of that code, with op 7 first, or (no code) as a dead network does. */
	drop(how: { code?: number | undefined; reconnect?: boolean | undefined }) {
		for (const socket of this.#server.clients) {
			if (how.reconnect)
				socket.send(JSON.stringify({ op: op.reconnect, d: null }));
			if (how.code === undefined && !how.reconnect) socket.terminate();
			else socket.close(how.code ?? 1001);
		}
	}

	/** Ends all sessions; what they missed is lost to them, and the next resume is refused. */
	forget(): void {
		this.#sessions.clear();
	}

	close(): void {
		for (const socket of this.#server.clients) socket.terminate();
		this.#server.close();
	}

	#greet(socket: WebSocket): void {
		let session: Session | undefined;
		// A bot that sends no heartbeat for one and a half intervals is taken for dead.
		const deadline = setTimeout(
			() => socket.close(closeCode.sessionTimedOut, "Session timed out"),
			this.#heartbeatInterval * 1.5,
		);
		socket.on("close", () => {
			clearTimeout(deadline);
			if (session?.socket === socket) session.socket = undefined;
		});
		socket.on("error", () => socket.terminate());
		socket.on("message", (data) => {
			let frame: z.output<typeof frameSchema>;
			try {
				frame = frameSchema.parse(JSON.parse(String(data)));
			} catch {
				socket.close(closeCode.decodeError, "Error while decoding payload");
				return;
			}
			if (frame.op === op.heartbeat) {
				deadline.refresh();
				socket.send(JSON.stringify({ op: op.heartbeatAck, d: null }));
			} else if (frame.op === op.identify || frame.op === op.resume) {
				if (session)
					socket.close(closeCode.alreadyAuthenticated, "Already authenticated");
				else if (frame.op === op.identify)
					session = this.#identify(socket, frame.d);
				else session = this.#resume(socket, frame.d);
			} else if (
				![op.presence, op.voiceState, op.requestGuildMembers].some(
					(known) => known === frame.op,
				)
			)
				socket.close(closeCode.unknownOpcode, "Unknown opcode");
			else if (!session)
				socket.close(closeCode.notAuthenticated, "Not authenticated");
		});
		socket.send(
			JSON.stringify({
				op: op.hello,
				d: { heartbeat_interval: this.#heartbeatInterval },
				s: null,
				t: null,
			}),
		);
	}

	#identify(socket: WebSocket, payload: unknown): Session | undefined {
		const result = identifySchema.safeParse(payload);
		if (!result.success) {
			socket.close(closeCode.decodeError, "Error while decoding payload");
			return undefined;
		}
		const { token, intents } = result.data;
		if (!this.#state.data.token || token !== this.#state.data.token) {
			socket.close(closeCode.authenticationFailed, "Authentication failed");
			return undefined;
		}
		if (intents >= allIntents) {
			socket.close(closeCode.invalidIntents, "Invalid intent(s)");
			return undefined;
		}
		const session: Session = {
			id: this.#world.random(16),
			intents,
			seq: 0,
			sent: [],
			socket,
		};
		this.#sessions.set(session.id, session);
		this.#send(session, {
			name: "READY",
			data: {
				v: 10,
				user: userJson(this.#state.data.bot),
				guilds: [],
				session_id: session.id,
				resume_gateway_url: this.#url,
				session_type: "normal",
				private_channels: [],
				application: {
					id: this.#state.data.application,
					flags: applicationFlags,
				},
			},
		});
		return session;
	}

	#resume(socket: WebSocket, payload: unknown): Session | undefined {
		const result = resumeSchema.safeParse(payload);
		if (!result.success) {
			socket.close(closeCode.decodeError, "Error while decoding payload");
			return undefined;
		}
		const { token, session_id, seq } = result.data;
		if (!this.#state.data.token || token !== this.#state.data.token) {
			socket.close(closeCode.authenticationFailed, "Authentication failed");
			return undefined;
		}
		const session = this.#sessions.get(session_id);
		if (!session) {
			socket.send(JSON.stringify({ op: op.invalidSession, d: false }));
			return undefined;
		}
		if (seq > session.seq) {
			socket.close(closeCode.invalidSequence, "Invalid seq");
			return undefined;
		}
		session.socket?.terminate();
		session.socket = socket;
		for (const missed of session.sent)
			if (missed.seq > seq) socket.send(missed.frame);
		this.#send(session, { name: "RESUMED", data: {} });
		return session;
	}

	#send(session: Session, event: GatewayEvent): void {
		session.seq += 1;
		const frame = JSON.stringify({
			op: op.dispatch,
			t: event.name,
			s: session.seq,
			d: event.data,
		});
		session.sent.push({ seq: session.seq, frame });
		session.socket?.send(frame);
	}
}

/** Message Content (1 << 19, limited) and Server Members (1 << 15, limited) are switched on in the portal. */
export const applicationFlags = (1 << 19) | (1 << 15);
