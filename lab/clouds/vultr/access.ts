import type { MiddlewareHandler } from "hono";
import type { World } from "../cloud.ts";
import { errors } from "./errors.ts";
import type { allAcls, VultrSettings } from "./options.ts";

/** A right of an API key. */
export type Acl = (typeof allAcls)[number];

/** What a route finds in its context. */
export interface Variables {
	acls: readonly Acl[];
}

/** Lists that need no key. */
const open = /^\/v2\/(plans|plans-metal|regions|os|applications)(\/|$)/;

/** Checks key, address and rate. */
export function authenticate(
	world: World,
	settings: VultrSettings,
): MiddlewareHandler<{ Variables: Variables }> {
	let second = 0;
	let seen = 0;
	return async (c, next) => {
		const now = Math.floor(world.clock.now() / 1000);
		seen = now === second ? seen + 1 : 1;
		second = now;
		if (seen > settings.rateLimit) {
			c.header("Retry-After", "1");
			throw errors.rate();
		}
		if (c.req.method === "GET" && open.test(c.req.path)) return next();
		const token = /^Bearer (\S+)$/i.exec(
			c.req.header("authorization") ?? "",
		)?.[1];
		const key = settings.apiKeys.find((candidate) => candidate.token === token);
		if (!key) throw errors.token();
		const address = remoteAddress(c.env);
		if (key.allowedAddresses && !key.allowedAddresses.includes(address))
			throw errors.address(address);
		c.set("acls", key.acls);
		return next();
	};
}

/** The route needs this right of the key. */
export function needs(acl: Acl): MiddlewareHandler<{ Variables: Variables }> {
	return async (c, next) => {
		if (!c.get("acls").includes(acl)) throw errors.forbidden();
		return next();
	};
}

function remoteAddress(env: unknown): string {
	const incoming = (
		env as { incoming?: { socket: { remoteAddress?: string } } }
	)?.incoming;
	return (incoming?.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
}
