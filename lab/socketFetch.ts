import { request } from "node:http";
import { exchange } from "./exchange.ts";

/** A `fetch` that reaches the stand-ins by the socket of their control interface, from outside the lab's network. */
export function socketFetch(socketPath: string): typeof fetch {
	return async (input, init = {}) => {
		const url = new URL(input instanceof Request ? input.url : input);
		const { method = "GET", body, headers, signal } = init;
		const outgoing = request({
			socketPath,
			method,
			path: url.pathname + url.search,
			agent: false,
			headers: {
				...Object.fromEntries(new Headers(headers)),
				host: url.host,
			},
			...(signal ? { signal } : {}),
		});
		const { status, text } = await exchange(
			outgoing,
			typeof body === "string" ? body : undefined,
		);
		const empty = [204, 304].includes(status);
		return new Response(empty ? null : text, { status });
	};
}
