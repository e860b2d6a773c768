// Asks the gateway how it is, in its own protocol, and prints the answer. `openclaw health --json` asks the same after it has loaded a second
// OpenClaw, which takes the agent seconds of processor at each look. Run in the gateway's container, by its Node. Without an answer
// it prints one sentence that says why, and ends with 1.
import { readFileSync } from "node:fs";

const [
	address = "ws://127.0.0.1:18789",
	tokenFile = "/var/lib/moltbot/secrets/gateway-token",
	patience = "30000",
] = process.argv.slice(2);

/** What of a message of the gateway is read here. */
interface Frame {
	readonly type: string;
	readonly event?: string;
	readonly id?: string;
	readonly ok?: boolean;
	readonly payload?: unknown;
	readonly error?: {
		readonly code: string;
		readonly message: string;
		readonly details?: { readonly code?: string };
	};
}

/** Why there is no answer, as a sentence. */
class Unanswered extends Error {}

const greeting = {
	// Nothing but this greeting and one question is used, so a later protocol will do.
	minProtocol: 4,
	maxProtocol: 99,
	client: {
		id: "openclaw-probe",
		mode: "probe",
		version: "1",
		platform: "linux",
	},
	role: "operator",
	// The question needs no right; with the gateway's token and without rights, no device has to be paired.
	scopes: [],
};

function readToken(): string {
	try {
		return readFileSync(tokenFile, "utf8").trim();
	} catch {
		throw new Unanswered(
			`the gateway's token ${tokenFile} cannot be read: run pulumi up`,
		);
	}
}

function refusal({ code, message, details }: NonNullable<Frame["error"]>) {
	if (code === "UNAVAILABLE") return `the gateway is not there yet: ${message}`;
	if (details?.code?.startsWith("AUTH_"))
		return `the gateway refuses the token that it was given: run moltbot restart (${message})`;
	return `the gateway refuses to be asked: ${message}`;
}

/** @returns what the gateway says of itself and its channels */
function health(token: string): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const fail = (why: string) => reject(new Unanswered(why));
		const socket = new WebSocket(address);
		const ask = (method: string, params: object) =>
			socket.send(JSON.stringify({ type: "req", id: method, method, params }));
		setTimeout(
			() => fail(`the gateway has not answered for ${Number(patience) / 1000} s`),
			Number(patience),
		).unref();
		socket.onmessage = ({ data }) => {
			let frame: Frame;
			try {
				frame = JSON.parse(String(data)) as Frame;
			} catch {
				return fail("the gateway does not speak its protocol");
			}
			const { type, event, id, ok, payload, error } = frame;
			if (type === "event" && event === "connect.challenge")
				ask("connect", { ...greeting, auth: { token } });
			else if (type === "res" && error) fail(refusal(error));
			else if (type === "res" && id === "connect" && ok) ask("health", {});
			else if (type === "res" && id === "health" && ok) resolve(payload);
		};
		socket.onerror = () => fail("the gateway does not listen yet");
		socket.onclose = ({ code, reason }) =>
			fail(
				`the gateway has ended the connection (${code}${reason && ` ${reason}`})`,
			);
	});
}

try {
	const answer = JSON.stringify(await health(readToken()));
	process.stdout.write(answer, () => process.exit(0));
} catch (error) {
	if (!(error instanceof Unanswered)) throw error;
	process.stdout.write(`${error.message}\n`, () => process.exit(1));
}
