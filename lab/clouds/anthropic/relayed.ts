import { type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const ofTheConnection = ["connection", "keep-alive", "transfer-encoding"];

/** Hands a request on by the socket of lab/model/relay.ts; the answer comes as it is made. */
export async function relayed(
	socketPath: string,
	asked: Request,
): Promise<Response> {
	const { pathname, search } = new URL(asked.url);
	const outgoing = request({
		socketPath,
		method: asked.method,
		path: pathname + search,
		headers: Object.fromEntries(
			[...asked.headers].filter(([name]) => name !== "x-api-key"),
		),
		agent: false,
		signal: asked.signal,
	});
	const answered = new Promise<IncomingMessage>((resolve, reject) => {
		outgoing.on("response", resolve).on("error", reject);
	});
	const body = asked.body ? Readable.fromWeb(asked.body) : Readable.from([]);
	await pipeline(body, outgoing);
	const answer = await answered;
	const headers = Object.entries(answer.headers).filter(
		(header): header is [string, string] =>
			typeof header[1] === "string" && !ofTheConnection.includes(header[0]),
	);
	return new Response(Readable.toWeb(answer) as ReadableStream, {
		status: answer.statusCode ?? 502,
		headers,
	});
}
