import { Hono } from "hono";
import type { Cloud, World } from "../cloud.ts";
import { authenticate, needs, type Variables } from "./access.ts";
import { bill } from "./billing.ts";
import type { Context } from "./context.ts";
import { errors, VultrError } from "./errors.ts";
import { firewallRoutes } from "./firewalls.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { instanceRoutes } from "./instances.ts";
import { scriptRoutes, sshKeyRoutes } from "./keys.ts";
import { accountSchema } from "./model.ts";
import { type VultrOptions, vultrOptionsSchema } from "./options.ts";
import { page } from "./paging.ts";
import { createPlant } from "./plant.ts";
import { operatingSystems, plans, regions } from "./reference.ts";
import { viewInstance } from "./view.ts";

export type { Hypervisor, Machine } from "./hypervisor.ts";
export type { VultrOptions } from "./options.ts";

/** The Vultr stand-in, with what tests may want to wait for. */
export interface VultrCloud extends Cloud {
	/** Resolves when the hypervisor has done all that was asked of it so far. */
	idle(): Promise<void>;
}

/** Vultr API v2 for one account. Without a hypervisor instances exist in the books only. */
export function createVultr(
	world: World,
	options: VultrOptions = {},
	hypervisor?: Hypervisor,
): VultrCloud {
	const settings = vultrOptionsSchema.parse(options);
	const store = world.store("vultr", accountSchema, {
		instances: [],
		firewallGroups: [],
		sshKeys: [],
		scripts: [],
	});
	const plant = createPlant(store, settings.network, hypervisor);
	const context: Context = { world, settings, store, plant };

	const app = new Hono<{ Variables: Variables }>();
	app.onError((error) => {
		if (error instanceof VultrError) {
			const response = error.toResponse();
			if (error.status === 429) response.headers.set("Retry-After", "1");
			return response;
		}
		console.error("vultr:", error);
		return new VultrError(500, "Internal server error.").toResponse();
	});
	app.notFound(() => errors.route().toResponse());
	app.use(authenticate(world, settings));

	app.get("/v2/account", (c) =>
		c.json({
			account: {
				name: "Lab Operator",
				email: "operator@lab.test",
				acls: c.get("acls"),
				balance: -100,
				pending_charges:
					Math.round(bill(store.data, world.clock.now()).total * 100) / 100,
				last_payment_date: "2026-01-01T00:00:00+00:00",
				last_payment_amount: -100,
			},
		}),
	);
	app.get("/v2/plans", (c) => {
		const type = c.req.query("type") ?? "all";
		const wanted = plans.filter((one) => type === "all" || one.type === type);
		const { items, meta } = page(c.req, wanted, (one) => one.id);
		return c.json({ plans: items, meta });
	});
	app.get("/v2/os", (c) => {
		const { items, meta } = page(c.req, operatingSystems, (one) =>
			String(one.id),
		);
		return c.json({ os: items, meta });
	});
	app.get("/v2/regions", (c) => {
		const { items, meta } = page(c.req, regions, (one) => one.id);
		return c.json({ regions: items, meta });
	});
	app.get("/v2/regions/:id/availability", (c) => {
		const id = c.req.param("id");
		if (!regions.some((one) => one.id === id)) throw errors.region();
		const type = c.req.query("type") ?? "all";
		return c.json({
			available_plans: plans
				.filter((one) => type === "all" || one.type === type)
				.filter((one) => one.locations.includes(id))
				.map((one) => one.id)
				.filter((plan) => !settings.soldOut[id]?.includes(plan)),
		});
	});
	app.get("/v2/vpcs", needs("subscriptions_view"), (c) =>
		c.json({ vpcs: [], meta: { total: 0, links: { next: "", prev: "" } } }),
	);
	app.route("/v2/instances", instanceRoutes(context));
	app.route("/v2/firewalls", firewallRoutes(context));
	app.route("/v2/ssh-keys", sshKeyRoutes(context));
	app.route("/v2/startup-scripts", scriptRoutes(context));

	return {
		name: "vultr",
		hosts: ["api.vultr.com"],
		app: app as unknown as Hono,
		idle: plant.idle,
		close: plant.close,
		snapshot: () => ({
			instances: store.data.instances
				.filter((one) => one.deleted === null)
				.map((one) => ({
					...viewInstance(context, one),
					user_data: Buffer.from(one.userData, "base64").toString("utf8"),
				})),
			firewallGroups: store.data.firewallGroups,
			sshKeys: store.data.sshKeys,
			scripts: store.data.scripts,
			billing: bill(store.data, world.clock.now()),
		}),
	};
}
