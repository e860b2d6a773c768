import { Hono } from "hono";
import { z } from "zod";
import { uuid } from "../world.ts";
import { needs, type Variables } from "./access.ts";
import { readBody } from "./body.ts";
import { type Context, isListed } from "./context.ts";
import { errors, VultrError } from "./errors.ts";
import type { Instance } from "./model.ts";
import { page } from "./paging.ts";
import { operatingSystems, plans, regions } from "./reference.ts";
import { viewInstance } from "./view.ts";

/** The API took 4 MiB in a trial; more was not tried. */
const maxUserDataBytes = 4 * 1024 * 1024;

const hostname = z
	.string()
	.regex(/^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.[A-Za-z0-9-]+)*$/);
const userData = z.base64();

const createBody = z.object({
	region: z.string(),
	plan: z.string(),
	os_id: z.number().int().optional(),
	iso_id: z.string().optional(),
	snapshot_id: z.string().optional(),
	app_id: z.number().int().optional(),
	image_id: z.string().optional(),
	label: z.string().default(""),
	hostname: hostname.optional(),
	tags: z.array(z.string()).default([]),
	firewall_group_id: z.string().default(""),
	enable_ipv6: z.boolean().default(false),
	disable_public_ipv4: z.boolean().default(false),
	sshkey_id: z.array(z.string()).default([]),
	script_id: z.string().default(""),
	user_scheme: z.enum(["root", "limited"]).default("root"),
	backups: z.enum(["enabled", "disabled"]).default("disabled"),
	ddos_protection: z.boolean().default(false),
	user_data: userData.default(""),
	activation_email: z.boolean().default(true),
});

const updateBody = z.object({
	plan: z.string().optional(),
	label: z.string().optional(),
	tags: z.array(z.string()).optional(),
	firewall_group_id: z.string().optional(),
	enable_ipv6: z.boolean().optional(),
	ddos_protection: z.boolean().optional(),
	backups: z.enum(["enabled", "disabled"]).optional(),
	user_data: userData.optional(),
	user_scheme: z.enum(["root", "limited"]).optional(),
});

const explain = (field: string): VultrError => {
	if (field === "region") return errors.region();
	if (field === "plan") return errors.plan();
	if (field === "hostname") return errors.hostname();
	if (field === "user_data") return errors.userData();
	return errors.body();
};

/** `/v2/instances`. */
export function instanceRoutes(
	context: Context,
): Hono<{ Variables: Variables }> {
	const { world, store, plant, settings } = context;
	const app = new Hono<{ Variables: Variables }>();
	app.on("GET", ["/", "/*"], needs("subscriptions_view"));
	app.on("POST", "/", needs("provisioning"));
	app.on(["POST", "PATCH", "DELETE"], "/*", needs("subscriptions"));

	const view = (instance: Instance) => viewInstance(context, instance);
	const find = (id: string) => {
		const instance = store.data.instances.find((one) => one.id === id);
		if (!instance || !isListed(context, instance))
			throw settings.missingInstance === "instance not found"
				? new VultrError(404, "instance not found")
				: new VultrError(400, "invalid instance ID");
		return instance;
	};
	const checkFirewall = (id: string) => {
		if (id !== "" && !store.data.firewallGroups.some((one) => one.id === id))
			throw errors.firewallOfInstance();
	};
	const checkUserData = (text: string) => {
		if (text.length > (maxUserDataBytes / 3) * 4) throw errors.userData();
	};

	app.get("/", (c) => {
		const { label, tag, main_ip, region, firewall_group_id, hostname } =
			c.req.query();
		const matching = store.data.instances.filter((one) => {
			if (!isListed(context, one)) return false;
			if (label !== undefined && one.label !== label) return false;
			if (hostname !== undefined && one.hostname !== hostname) return false;
			if (region !== undefined && one.region !== region) return false;
			if (main_ip !== undefined && one.v4 !== main_ip) return false;
			if (
				firewall_group_id !== undefined &&
				one.firewallGroupId !== firewall_group_id
			)
				return false;
			// Whole tags, in any case.
			return (
				tag === undefined ||
				one.tags.some((have) => have.toLowerCase() === tag.toLowerCase())
			);
		});
		const { items, meta } = page(c.req, matching, (one) => one.id);
		return c.json({ instances: items.map(view), meta });
	});

	app.post("/", async (c) => {
		const body = await readBody(c.req, createBody, explain);
		if (!regions.some((one) => one.id === body.region)) throw errors.region();
		const plan = plans.find((one) => one.id === body.plan);
		if (!plan) throw errors.plan();
		if (
			!plan.locations.includes(body.region) ||
			settings.soldOut[body.region]?.includes(plan.id)
		)
			throw errors.soldOut();
		const sources = [
			body.os_id,
			body.iso_id,
			body.snapshot_id,
			body.app_id,
			body.image_id,
		].filter((source) => source !== undefined);
		if (sources.length !== 1) throw errors.noImage();
		if (!operatingSystems.some((one) => one.id === body.os_id))
			throw errors.os();
		checkFirewall(body.firewall_group_id);
		checkUserData(body.user_data);
		for (const id of body.sshkey_id)
			if (!store.data.sshKeys.some((one) => one.id === id))
				throw errors.sshKeyBody();

		const now = world.clock.now();
		const number = freeNumber();
		const instance: Instance = {
			id: uuid(world),
			region: body.region,
			plan: plan.id,
			osId: body.os_id ?? 0,
			label: body.label,
			hostname: body.hostname ?? "vultr.guest",
			tags: body.tags,
			firewallGroupId: body.firewall_group_id,
			sshKeyIds: body.sshkey_id,
			scriptId: body.script_id,
			userScheme: body.user_scheme,
			backups: body.backups === "enabled",
			ddosProtection: body.ddos_protection,
			userData: body.user_data,
			password: world.random(8),
			kvm: `https://my.vultr.com/subs/vps/novnc/api.php?data=${world.random(24)}`,
			v4: body.disable_public_ipv4 ? null : `${settings.network}.${number}`,
			v6: body.enable_ipv6 ? v6Of(number) : null,
			created: now,
			deleted: null,
			booted: false,
			power: "stopped",
			charges: [{ plan: plan.id, from: now, to: null }],
		};
		store.data.instances.push(instance);
		store.save();
		plant.create(instance);
		return c.json(
			{ instance: { ...view(instance), default_password: instance.password } },
			202,
		);
	});

	const batch = {
		start: plant.start,
		halt: plant.powerOff,
		reboot: plant.reboot,
	} as const;
	const batchBody = z.object({ instance_ids: z.array(z.string()) });
	for (const [verb, act] of Object.entries(batch)) {
		app.post(`/${verb}`, async (c) => {
			const body = await readBody(c.req, batchBody);
			body.instance_ids.map(find).forEach((one) => {
				act(one);
			});
			return c.body(null, 204);
		});
		app.post(`/:id/${verb}`, (c) => {
			act(find(c.req.param("id")));
			return c.body(null, 204);
		});
	}
	app.post("/:id/reinstall", async (c) => {
		const instance = find(c.req.param("id"));
		const body = await readBody(
			c.req,
			z.object({ hostname: hostname.optional() }),
			explain,
		);
		instance.hostname = body.hostname ?? instance.hostname;
		store.save();
		plant.reinstall(instance);
		return c.json({ instance: view(instance) }, 202);
	});

	app.get("/:id", (c) => c.json({ instance: view(find(c.req.param("id"))) }));
	app.patch("/:id", async (c) => {
		const instance = find(c.req.param("id"));
		const body = await readBody(c.req, updateBody, explain);
		if (body.plan !== undefined && body.plan !== instance.plan)
			changePlan(instance, body.plan);
		if (body.firewall_group_id !== undefined) {
			checkFirewall(body.firewall_group_id);
			instance.firewallGroupId = body.firewall_group_id;
			plant.firewallOfInstanceChanged(instance);
		}
		if (body.user_data !== undefined) {
			checkUserData(body.user_data);
			instance.userData = body.user_data;
		}
		if (body.enable_ipv6 && instance.v6 === null)
			instance.v6 = v6Of(Number(instance.v4?.split(".")[3] ?? freeNumber()));
		instance.label = body.label ?? instance.label;
		instance.tags = body.tags ?? instance.tags;
		instance.userScheme = body.user_scheme ?? instance.userScheme;
		instance.ddosProtection = body.ddos_protection ?? instance.ddosProtection;
		if (body.backups !== undefined)
			instance.backups = body.backups === "enabled";
		store.save();
		return c.json({ instance: view(instance) }, 202);
	});
	app.delete("/:id", (c) => {
		const instance = find(c.req.param("id"));
		if (instance.deleted === null) {
			const now = world.clock.now();
			instance.deleted = now;
			instance.power = "stopped";
			for (const charge of instance.charges) charge.to ??= now;
			store.save();
			plant.destroy(instance);
		}
		return c.body(null, 204);
	});

	app.get("/:id/user-data", (c) =>
		c.json({ user_data: { data: find(c.req.param("id")).userData } }),
	);
	app.get("/:id/backup-schedule", (c) => {
		const { backups } = find(c.req.param("id"));
		return c.json({
			backup_schedule: {
				enabled: backups,
				type: backups ? "daily" : "",
				next_scheduled_time_utc: "",
				hour: 0,
				dow: 0,
				dom: 0,
			},
		});
	});
	app.get("/:id/ipv4", (c) => {
		const { v4 } = find(c.req.param("id"));
		const ipv4s = v4
			? [
					{
						ip: v4,
						netmask: "255.255.255.0",
						gateway: `${settings.network}.1`,
						type: "main_ip",
						reverse: "",
					},
				]
			: [];
		return c.json({ ipv4s, meta: emptyMeta(ipv4s.length) });
	});
	app.get("/:id/ipv6", (c) => {
		const { v6 } = find(c.req.param("id"));
		const ipv6s = v6
			? [
					{
						ip: v6,
						network: v6.replace(/::.*$/, "::"),
						network_size: 64,
						type: "main_ip",
					},
				]
			: [];
		return c.json({ ipv6s, meta: emptyMeta(ipv6s.length) });
	});
	app.get("/:id/vpcs", (c) => {
		find(c.req.param("id"));
		return c.json({ vpcs: [], meta: emptyMeta(0) });
	});
	app.get("/:id/vpc2", (c) => {
		if (settings.vpc2 === "gone") throw errors.route();
		find(c.req.param("id"));
		return c.json({ vpcs: [], meta: emptyMeta(0) });
	});
	app.get("/:id/upgrades", (c) => {
		const current = plans.find(
			(one) => one.id === find(c.req.param("id")).plan,
		);
		const larger = current ? upgrades(current).map((one) => one.id) : [];
		return c.json({ upgrades: { os: [], applications: [], plans: larger } });
	});
	return app;

	/** Only to a plan that has more disk or memory: a disk does not shrink. */
	function changePlan(instance: Instance, id: string): void {
		const current = plans.find((one) => one.id === instance.plan);
		const next = plans.find((one) => one.id === id);
		if (!next) throw errors.plan();
		if (!current || !upgrades(current).includes(next)) throw errors.downgrade();
		const now = world.clock.now();
		for (const charge of instance.charges) charge.to ??= now;
		instance.charges.push({ plan: id, from: now, to: null });
		instance.plan = id;
		plant.reboot(instance);
	}

	/** Addresses of deleted instances are handed out again. */
	function freeNumber(): number {
		const taken = new Set(
			store.data.instances
				.filter((one) => isListed(context, one) || one.deleted === null)
				.map((one) => one.v4 ?? ""),
		);
		for (let number = 10; number < 250; number++)
			if (!taken.has(`${settings.network}.${number}`)) return number;
		throw new VultrError(500, "Out of addresses.");
	}
}

function upgrades(current: (typeof plans)[number]) {
	return plans.filter(
		(one) =>
			one.type === current.type &&
			one.disk >= current.disk &&
			one.ram > current.ram,
	);
}

function v6Of(number: number): string {
	return `2001:db8:113:${number.toString(16)}::100`;
}

function emptyMeta(total: number) {
	return { total, links: { next: "", prev: "" } };
}
