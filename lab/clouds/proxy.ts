import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import type { Handler } from "./handler.ts";
import { hostName } from "./router.ts";

/** Where the proxy may lead. */
export interface ProxyTargets {
	/** Is there a stand-in for this name? */
	known(host: string): boolean;
	/** Address of the TLS listener. */
	tls: { host: string; port: number };
	/** Names with a server of their own (`name:port` → address), as a headscale has. */
	routes: ReadonlyMap<string, { host: string; port: number }>;
	handler: Handler;
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n";

/**
 * An HTTP proxy that leads to the stand-ins only: `CONNECT name:443` ends at their TLS listener, a plain request with
 * an absolute address is answered at once. A name that the lab does not have gets 502: nothing ever leaves the machine.
 */
export function createProxy(targets: ProxyTargets): Server {
	const server = createServer((incoming, outgoing) => {
		if (incoming.url && !incoming.url.startsWith("/")) {
			const url = new URL(incoming.url);
			incoming.url = url.pathname + url.search;
			incoming.headers.host = url.host;
		}
		targets.handler.request(incoming, outgoing);
	});
	server.on("upgrade", targets.handler.upgrade);
	server.on("connect", (request, client, head) => {
		const authority = request.url ?? "";
		client.on("error", () => client.destroy());
		if (authority.endsWith(":80") && targets.known(hostName(authority))) {
			client.write(established);
			client.unshift(head);
			server.emit("connection", client);
			return;
		}
		const target = find(authority);
		if (!target) {
			client.end(
				`HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThe lab has no ${request.url}.\n`,
			);
			return;
		}
		const upstream = connect(target, () => {
			client.write(established);
			upstream.write(head);
			client.pipe(upstream).pipe(client);
		});
		// A broken half breaks the other half at once: an injected reset must reach the client.
		upstream.on("error", () => client.destroy());
		upstream.on("close", () => client.destroy());
		client.on("close", () => upstream.destroy());
	});
	return server;

	function find(authority: string) {
		const own = targets.routes.get(authority);
		if (own) return own;
		const known = targets.known(hostName(authority));
		return known && authority.endsWith(":443") ? targets.tls : undefined;
	}
}
