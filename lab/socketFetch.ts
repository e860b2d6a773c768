import { request } from "node:http";

/** A `fetch` that reaches the stand-ins by the socket of their control interface, from outside the lab's network. */
export function socketFetch(socketPath: string): typeof fetch {
	return async (input, init = {}) => {
		const url = new URL(input instanceof Request ? input.url : input);
		const { method = "GET", body, headers, signal } = init;
		return new Promise((resolve, reject) => {
			const outgoing = request(
				{
					socketPath,
					method,
					path: url.pathname + url.search,
					agent: false,
					headers: {
						...Object.fromEntries(new Headers(headers)),
						host: url.host,
					},
					...(signal ? { signal } : {}),
				},
				(incoming) => {
					const chunks: Buffer[] = [];
					incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
					incoming.on("error", reject);
					incoming.on("end", () => {
						const status = incoming.statusCode ?? 0;
						const empty = [204, 304].includes(status);
						const text = Buffer.concat(chunks).toString("utf8");
						resolve(new Response(empty ? null : text, { status }));
					});
				},
			);
			outgoing.on("error", reject);
			outgoing.end(typeof body === "string" ? body : undefined);
		});
	};
}
