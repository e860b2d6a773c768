import { Hono } from "hono";
import { z } from "zod";
import type { World } from "../cloud.ts";
import { type Actor, needs, type Variables } from "./access.ts";
import type { AuthKey, Tailnet } from "./backend.ts";
import { errors } from "./errors.ts";
import type { PolicySource } from "./policy.ts";

const longest = 90 * 24 * 60 * 60;

const createBody = z.object({
	capabilities: z.object({
		devices: z.object({
			create: z.object({
				reusable: z.boolean().default(false),
				ephemeral: z.boolean().default(false),
				preauthorized: z.boolean().default(false),
				tags: z.array(z.string()).nullish(),
			}),
		}),
	}),
	expirySeconds: z.number().int().default(0),
	description: z.string().default(""),
});

/** `/tailnet/{tailnet}/keys`. */
export function keyRoutes(
	world: World,
	tailnet: Tailnet,
	policy: PolicySource,
): Hono<{ Variables: Variables }> {
	const app = new Hono<{ Variables: Variables }>();
	app.on("GET", ["/", "/*"], needs("auth_keys", "read"));
	app.on(["POST", "DELETE"], ["/", "/*"], needs("auth_keys", "write"));

	const view = (key: AuthKey) => ({
		id: key.id,
		keyType: "auth",
		description: key.description,
		created: time(key.created),
		expires: time(key.expires),
		expirySeconds: key.expirySeconds,
		invalid: world.clock.now() >= key.expires || (key.used && !key.reusable),
		capabilities: {
			devices: {
				create: {
					reusable: key.reusable,
					ephemeral: key.ephemeral,
					preauthorized: key.preauthorized,
					tags: key.tags,
				},
			},
		},
		userId: "ulab1CNTRL",
	});

	app.post("/", async (c) => {
		const parsed = createBody.safeParse(
			await c.req.json().catch(() => undefined),
		);
		if (!parsed.success) throw errors.body();
		const { capabilities, description } = parsed.data;
		const { tags, ...create } = capabilities.devices.create;
		// 0 is the default, 90 days; that is also the most.
		const expirySeconds = parsed.data.expirySeconds || longest;
		if (expirySeconds < 1 || expirySeconds > longest) throw errors.expiry();
		if (!/^[A-Za-z0-9 _-]{0,50}$/.test(description)) throw errors.description();
		checkTags(c.get("actor"), tags ?? [], policy.read().value.tagOwners);
		const { key, secret } = await tailnet.createKey(
			{ ...create, tags: tags ?? [] },
			description,
			expirySeconds,
		);
		return c.json({ ...view(key), key: secret });
	});
	app.get("/", async (c) => {
		const keys = await tailnet.keys();
		return c.json({
			keys: keys.map(({ id, description }) => ({
				id,
				keyType: "auth",
				description,
			})),
		});
	});
	app.get("/:id", async (c) => {
		const keys = await tailnet.keys();
		const key = keys.find((one) => one.id === c.req.param("id"));
		if (!key) throw errors.key();
		return c.json(view(key));
	});
	app.delete("/:id", async (c) => {
		if (!(await tailnet.deleteKey(c.req.param("id")))) throw errors.key();
		return c.body(null, 200);
	});
	return app;
}

/**
 * An admin may use any tag that the policy defines. An OAuth client has to ask for exactly its own tags, or for tags of
 * which one of its own is an owner; a part of its own is refused.
 */
function checkTags(
	actor: Actor,
	tags: readonly string[],
	owners: Record<string, string[]>,
): void {
	if (tags.some((tag) => owners[tag] === undefined)) throw errors.tags(tags);
	if (actor.kind === "admin") return;
	if (tags.length === 0) throw errors.noTags();
	const same =
		tags.length === actor.tags.length &&
		tags.every((tag) => actor.tags.includes(tag));
	const owned = tags.every((tag) =>
		owners[tag]?.some((owner) => actor.tags.includes(owner)),
	);
	if (!same && !owned) throw errors.tags(tags);
}

function time(milliseconds: number): string {
	return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}
