import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Cloud, CloudFactory } from "../cloud.ts";
import { type Call, handlers } from "./api.ts";
import { RegistryError } from "./errors.ts";
import { ImageStore } from "./store.ts";
import { Tokens } from "./tokens.ts";

/** Host name → registry whose images it serves, and where its tokens come from. */
const upstreams: Readonly<Record<string, { name: string; realm: string }>> = {
	"ghcr.io": { name: "ghcr.io", realm: "https://ghcr.io/token" },
	"docker.io": { name: "docker.io", realm: "https://auth.docker.io/token" },
	"registry-1.docker.io": {
		name: "docker.io",
		realm: "https://auth.docker.io/token",
	},
	"auth.docker.io": {
		name: "docker.io",
		realm: "https://auth.docker.io/token",
	},
	"quay.io": { name: "quay.io", realm: "https://quay.io/v2/auth" },
};

/** What may be said about this stand-in, in the lab's configuration file or by a test. */
export const RegistryOptions = z.strictObject({
	/** Who may push; everybody may pull. */
	credentials: z
		.strictObject({ username: z.string(), password: z.string() })
		.default({ username: "lab", password: "lab" }),
	/** OCI layout folders to serve, `repository` with its registry: `ghcr.io/owner/image`. */
	layouts: z
		.array(
			z.strictObject({
				folder: z.string(),
				repository: z.string(),
				tag: z.string(),
			}),
		)
		.default([]),
});
export type RegistryOptions = z.input<typeof RegistryOptions>;

/** Container registries (ghcr.io, Docker Hub, quay.io) over one store on disk, OCI distribution API v2. */
export const registry: CloudFactory<RegistryOptions | undefined> = (
	world,
	options = {},
): Cloud => {
	const { credentials, layouts } = RegistryOptions.parse(options);
	const store = new ImageStore(world);
	const tokens = new Tokens(world, credentials);
	for (const { folder, repository, tag } of layouts)
		store.importLayout(folder, repository, tag);
	const app = new Hono();
	const issue = (c: Context) => tokens.issue(c, upstreamOf(c).name);
	app.get("/token", issue);
	app.get("/v2/auth", issue);
	app.get("/v2/", (c) =>
		tokens.allows(c, undefined, "pull") ? c.json({}) : challenge(c),
	);
	app.all("/v2/*", (c) => {
		const call = parse(c, store);
		const isRead = c.req.method === "GET" || c.req.method === "HEAD";
		const action = isRead && call.kind !== "uploads" ? "pull" : "push";
		if (!tokens.allows(c, call.repository, action))
			return challenge(c, call.name, action);
		const handler = handlers[`${c.req.method} ${call.kind}`];
		if (!handler)
			throw new RegistryError(
				405,
				"UNSUPPORTED",
				"The operation is unsupported.",
			);
		return handler(call);
	});
	app.notFound((c) => c.text("404 page not found", 404));
	app.onError((error, c) => {
		const { status, code, message } =
			error instanceof RegistryError
				? error
				: new RegistryError(500, "UNKNOWN", error.message);
		return c.json({ errors: [{ code, message }] }, status);
	});
	return {
		name: "registry",
		hosts: Object.keys(upstreams),
		app,
		snapshot: () => store.repositories,
	};
};

function upstreamOf(c: Context) {
	const upstream = upstreams[new URL(c.req.url).hostname];
	if (upstream) return upstream;
	throw new RegistryError(404, "NAME_UNKNOWN", "no such registry");
}

/** Takes `/v2/<name>/<kind>/<reference>` apart; a name may hold slashes. */
function parse(c: Context, store: ImageStore) {
	const path = new URL(c.req.url).pathname;
	const match =
		/^\/v2\/(?<name>.+?)\/(?:blobs\/(?<uploads>uploads)\/?|(?<kind>manifests|blobs|tags)\/)(?<reference>[^/]*)$/.exec(
			path,
		);
	const { name, uploads, kind, reference } = match?.groups ?? {};
	if (name === undefined || reference === undefined)
		throw new RegistryError(404, "NAME_INVALID", "invalid repository name");
	const call: Call = {
		c,
		store,
		repository: `${upstreamOf(c).name}/${name}`,
		base: `/v2/${name}`,
		reference: decodeURIComponent(reference),
	};
	return { ...call, name, kind: uploads ?? kind ?? "" };
}

/** 401 that says where a token is to be had. */
function challenge(c: Context, name?: string, action = "pull"): Response {
	const { realm, name: service } = upstreamOf(c);
	const actions = action === "push" ? "pull,push" : "pull";
	const scope =
		name === undefined ? "" : `,scope="repository:${name}:${actions}"`;
	const errors = [{ code: "UNAUTHORIZED", message: "authentication required" }];
	return c.json({ errors }, 401, {
		"docker-distribution-api-version": "registry/2.0",
		"www-authenticate": `Bearer realm="${realm}",service="${service}"${scope}`,
	});
}
