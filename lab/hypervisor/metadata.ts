import type { HttpBindings } from "@hono/node-server";
import { serve } from "@hono/node-server";
import type { Machine } from "../clouds/vultr/hypervisor.ts";
import { metadataAddress } from "../network/addresses.ts";

/**
 * The metadata service: one address for all machines, which are told apart by their own address.
 *
 * @param find the machine that has this IPv4 address
 * @returns ends it
 */
export async function serveMetadata(
	find: (address: string) => Machine | undefined,
): Promise<() => Promise<void>> {
	const server = await new Promise<ReturnType<typeof serve>>(
		(resolve, reject) => {
			const made = serve(
				{
					hostname: metadataAddress,
					port: 80,
					fetch(request, env) {
						const { incoming } = env as HttpBindings;
						const machine = find(incoming.socket.remoteAddress ?? "");
						if (!machine) return new Response("Not Found\n", { status: 404 });
						return machine.metadata(request);
					},
				},
				() => resolve(made),
			);
			made.on("error", reject);
		},
	);
	return () =>
		new Promise((resolve) => {
			server.close(() => resolve());
			if ("closeAllConnections" in server) server.closeAllConnections();
		});
}
