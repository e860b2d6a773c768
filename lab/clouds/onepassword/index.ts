import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { z } from "zod";
import type { Cloud, World } from "../cloud.ts";
import { ConnectError, errors } from "./errors.ts";
import { itemRoutes, type Variables } from "./items.ts";
import { accountSchema } from "./model.ts";
import { plant, type Seed, seedSchema } from "./seed.ts";

export type { Seed } from "./seed.ts";

/** Connect is self-hosted: this is its name in the lab (`OP_CONNECT_HOST=https://…`). */
export const connectHost = "connect.1password.lab.test";
/** Where the stand-in `op` command asks on behalf of service accounts. */
export const serviceAccountHost = "service-accounts.1password.lab.test";

const connectVersion = "1.8.1";

const optionsSchema = z.strictObject({
	/** The account of the first start: the seed itself, or the path of a JSON file. Later starts keep what there is. */
	seed: z.union([z.string(), seedSchema]).default({
		vaults: [],
		connectTokens: [],
		serviceAccounts: [],
	}),
});

/** How the 1Password stand-in begins. */
export interface OnePasswordOptions {
	seed?: string | Seed;
}

/** 1Password: Connect v1, and the same account behind the stand-in `op`. */
export function createOnePassword(
	world: World,
	options: OnePasswordOptions = {},
): Cloud {
	const { seed } = optionsSchema.parse(options);
	const store = world.store(
		"onepassword",
		accountSchema,
		plant(
			typeof seed === "string" ? JSON.parse(readFileSync(seed, "utf8")) : seed,
			world.clock.now(),
		),
	);

	const app = new Hono<{ Variables: Variables }>();
	app.onError((error) => {
		if (error instanceof ConnectError) return error.toResponse();
		console.error("onepassword:", error);
		return new ConnectError(500, "Internal Server Error").toResponse();
	});
	app.notFound(() => errors.route().toResponse());
	app.use(async (c, next) => {
		await next();
		c.header("1Password-Connect-Version", connectVersion);
	});
	app.get("/heartbeat", (c) => c.text("."));
	app.get("/health", (c) =>
		c.json({
			name: "1Password Connect API",
			version: connectVersion,
			dependencies: [
				{ service: "sync", status: "ACTIVE" },
				{ service: "sqlite", status: "ACTIVE" },
			],
		}),
	);
	app.use("/v1/*", async (c, next) => {
		const header = c.req.header("authorization");
		if (header === undefined) throw errors.noToken();
		const token = /^Bearer (\S+)$/i.exec(header)?.[1];
		// A token of the one kind is worth nothing at the door of the other.
		const host = new URL(c.req.url).hostname;
		const grants =
			host === serviceAccountHost
				? store.data.serviceAccounts
				: store.data.connectTokens;
		const grant = grants.find((one) => one.token === token);
		if (!grant) throw errors.token();
		c.set("grant", grant);
		return next();
	});
	app.route("/v1/vaults", itemRoutes(world, store));

	return {
		name: "onepassword",
		hosts: [connectHost, serviceAccountHost],
		app: app as unknown as Hono,
		snapshot: () => ({ vaults: store.data.vaults, items: store.data.items }),
	};
}
