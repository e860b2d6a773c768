import { Hono, type MiddlewareHandler } from "hono";
import { z } from "zod";
import type { World } from "../cloud.ts";
import { errors } from "./errors.ts";
import type { Scope, TailscaleSettings } from "./options.ts";

/** Who calls: an admin with an API key, or an OAuth client with its scopes and tags. */
export type Actor =
	| { kind: "admin" }
	| { kind: "client"; scopes: readonly Scope[]; tags: readonly string[] };

/** What a route finds in its context. */
export interface Variables {
	actor: Actor;
}

const tokenLifetime = 3600;
const tokensSchema = z.object({
	tokens: z.array(
		z.object({ token: z.string(), client: z.string(), expires: z.number() }),
	),
});

/** `POST /api/v2/oauth/token`, and the check of every other call. */
export function createAccess(world: World, settings: TailscaleSettings) {
	const store = world.store("tailscale-tokens", tokensSchema, { tokens: [] });

	const oauth = new Hono();
	oauth.post("/token", async (c) => {
		const form = await c.req.parseBody();
		const basic = basicOf(c.req.header("authorization"));
		const id = basic?.user ?? form.client_id;
		const secret = basic?.password ?? form.client_secret;
		const client = settings.oauthClients.find(
			(one) => one.id === id && one.secret === secret,
		);
		if (!client) throw errors.client();
		const now = world.clock.now();
		const token = `tskey-api-${world.random(12)}`;
		store.data.tokens = store.data.tokens.filter((one) => one.expires > now);
		store.data.tokens.push({
			token,
			client: client.id,
			expires: now + tokenLifetime * 1000,
		});
		store.save();
		return c.json({
			access_token: token,
			token_type: "Bearer",
			expires_in: tokenLifetime,
			scope: client.scopes.join(" "),
		});
	});

	const authenticate: MiddlewareHandler<{ Variables: Variables }> = async (
		c,
		next,
	) => {
		const header = c.req.header("authorization");
		const token =
			basicOf(header)?.user ?? /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
		const actor = token === undefined ? undefined : actorOf(token);
		if (!actor) throw errors.token();
		c.set("actor", actor);
		return next();
	};

	function actorOf(token: string): Actor | undefined {
		if (settings.apiKeys.includes(token)) return { kind: "admin" };
		const grant = store.data.tokens.find(
			(one) => one.token === token && one.expires > world.clock.now(),
		);
		const client = settings.oauthClients.find(
			(one) => one.id === grant?.client,
		);
		return (
			client && { kind: "client", scopes: client.scopes, tags: client.tags }
		);
	}

	return { oauth, authenticate };
}

/** The call needs this scope; `all` includes every one, and writing includes reading. */
export function needs(
	scope: "auth_keys" | "devices:core" | "policy_file",
	mode: "read" | "write",
): MiddlewareHandler<{ Variables: Variables }> {
	const enough: Scope[] = ["all", scope];
	if (mode === "read") enough.push("all:read", `${scope}:read`);
	return async (c, next) => {
		const actor = c.get("actor");
		if (
			actor.kind === "client" &&
			!actor.scopes.some((have) => enough.includes(have))
		)
			throw errors.scope();
		return next();
	};
}

function basicOf(
	header: string | undefined,
): { user: string; password: string } | undefined {
	const encoded = /^Basic (\S+)$/i.exec(header ?? "")?.[1];
	if (encoded === undefined) return undefined;
	const [user = "", ...rest] = Buffer.from(encoded, "base64")
		.toString("utf8")
		.split(":");
	return { user, password: rest.join(":") };
}
