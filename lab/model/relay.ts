// The way from the lab's model stand-in to the real Messages API, for whoever gives the lab a key of his own. It runs in the network of the
// machine, which nothing of the lab is in; its socket is the only way to it, and nothing but this API is behind it.
//   relay.ts <socket> <base URL>      the key comes in MOLTBOT_LAB_ANTHROPIC_KEY
import { chmodSync, rmSync } from "node:fs";
import {
	createServer,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { keyVariable } from "./setting.ts";

const [socket = "", base = ""] = process.argv.slice(2);
const key = process.env[keyVariable] ?? "";

/** Of the request, beside the key; what the answer says of its own transport is fetch's business. */
const asked = ["accept", "anthropic-beta", "anthropic-version", "content-type"];
const told = /^(content-type|request-id|retry-after|anthropic-.*)$/;
/** The longest answer that is waited for, in milliseconds. */
const patience = 10 * 60_000;

async function pass(
	message: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const gone = new AbortController();
	response.on("close", () => gone.abort());
	const headers = new Headers({ "x-api-key": key });
	for (const name of asked) {
		const value = message.headers[name];
		if (value !== undefined) headers.set(name, String(value));
	}
	const answer = await fetch(new URL(message.url ?? "/", base), {
		method: message.method ?? "GET",
		headers,
		...(message.method === "POST"
			? { body: Readable.toWeb(message), duplex: "half" }
			: {}),
		signal: AbortSignal.any([gone.signal, AbortSignal.timeout(patience)]),
	});
	response.writeHead(
		answer.status,
		Object.fromEntries([...answer.headers].filter(([name]) => told.test(name))),
	);
	if (answer.body) await pipeline(Readable.fromWeb(answer.body), response);
	else response.end();
}

const server = createServer((message, response) => {
	pass(message, response).catch((error: Error) => {
		if (response.headersSent) return response.destroy();
		const reason = error.cause instanceof Error ? error.cause : error;
		response.writeHead(502, { "content-type": "application/json" }).end(
			JSON.stringify({
				type: "error",
				error: {
					type: "api_error",
					message: `the lab cannot reach ${base}: ${reason.message}`,
				},
			}),
		);
	});
});
for (const signal of ["SIGTERM", "SIGINT"] as const)
	process.on(signal, () => {
		rmSync(socket, { force: true });
		process.exit(0);
	});
server.listen(socket, () => chmodSync(socket, 0o600));
