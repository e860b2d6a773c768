import { Hono } from "hono";
import type { Instance } from "./model.ts";

/**
 * The metadata service of one instance, from its live state. It asks for no token and knows no hop limit: whoever can
 * reach 169.254.169.254 reads the user-data.
 */
export function metadataService(
	instance: Instance,
	network: string,
): (request: Request) => Response | Promise<Response> {
	const userData = () => Buffer.from(instance.userData, "base64");
	const raw = () =>
		new Response(userData(), {
			headers: { "content-type": "application/octet-stream" },
		});
	const app = new Hono();
	for (const path of ["/user-data/user-data", "/latest/user-data"])
		app.get(path, (c) => (instance.userData === "" ? c.notFound() : raw()));
	app.get("/v1.json", (c) =>
		c.json({
			bgp: { ipv4: {}, ipv6: {} },
			hostname: instance.hostname,
			"instance-v2-id": instance.id,
			instanceid: instance.id.replaceAll("-", "").slice(0, 8),
			interfaces: [
				{
					"network-type": "public",
					ipv4: instance.v4
						? {
								address: instance.v4,
								gateway: `${network}.1`,
								netmask: "255.255.255.0",
								additional: [],
							}
						: {},
					ipv6: instance.v6
						? {
								address: instance.v6,
								network: instance.v6.replace(/::.*$/, "::"),
								prefix: "64",
								additional: [],
							}
						: {},
				},
			],
			"public-keys": [],
			region: { regioncode: instance.region.toUpperCase() },
			"user-data": userData().toString("utf8"),
		}),
	);
	const line = (path: string, value: () => string) => {
		for (const root of ["/v1", "/latest/meta-data"])
			app.get(root + path, (c) => c.text(value()));
	};
	line("/hostname", () => instance.hostname);
	line("/instance-v2-id", () => instance.id);
	line("/instance-id", () => instance.id);
	line("/public-keys", () => "");
	line("/region/regioncode", () => instance.region.toUpperCase());
	return (request) => app.fetch(request);
}
