import { Hono } from "hono";
import { z } from "zod";
import { uuid } from "../world.ts";
import { needs, type Variables } from "./access.ts";
import { readBody } from "./body.ts";
import { type Context, isoTime } from "./context.ts";
import { errors } from "./errors.ts";
import { type FirewallGroup, type FirewallRule, ruleSchema } from "./model.ts";
import { page } from "./paging.ts";

const maxRules = 50;

const groupBody = z.object({ description: z.string().default("") });
const ruleBody = ruleSchema.omit({ id: true }).extend({
	port: z
		.string()
		.regex(/^(\d+([:-]\d+)?)?$/)
		.default(""),
	subnet_size: z.number().int().min(0).max(128),
	source: z.string().default(""),
	notes: z.string().default(""),
});

/** `/v2/firewalls`: groups and their rules. A group without rules lets nothing in. */
export function firewallRoutes(
	context: Context,
): Hono<{ Variables: Variables }> {
	const { world, store, plant } = context;
	const app = new Hono<{ Variables: Variables }>();
	app.use(needs("firewall"));

	const find = (id: string) => {
		const group = store.data.firewallGroups.find((one) => one.id === id);
		if (!group) throw errors.firewall();
		return group;
	};
	const changed = (group: FirewallGroup) => {
		group.modified = world.clock.now();
		store.save();
		plant.firewallChanged(group.id);
	};
	const view = (group: FirewallGroup) => ({
		id: group.id,
		description: group.description,
		date_created: isoTime(group.created),
		date_modified: isoTime(group.modified),
		instance_count: store.data.instances.filter(
			(one) => one.deleted === null && one.firewallGroupId === group.id,
		).length,
		rule_count: group.rules.length,
		max_rule_count: maxRules,
	});
	const viewRule = (rule: FirewallRule) => ({
		...rule,
		type: rule.ip_type,
		action: "accept",
	});

	app.get("/", (c) => {
		const { items, meta } = page(
			c.req,
			store.data.firewallGroups,
			(one) => one.id,
		);
		return c.json({ firewall_groups: items.map(view), meta });
	});
	app.post("/", async (c) => {
		const { description } = await readBody(c.req, groupBody);
		const now = world.clock.now();
		const group: FirewallGroup = {
			id: uuid(world),
			description,
			created: now,
			modified: now,
			lastRule: 0,
			rules: [],
		};
		store.data.firewallGroups.push(group);
		store.save();
		return c.json({ firewall_group: view(group) }, 201);
	});
	app.get("/:group", (c) =>
		c.json({ firewall_group: view(find(c.req.param("group"))) }),
	);
	app.put("/:group", async (c) => {
		const group = find(c.req.param("group"));
		group.description = (await readBody(c.req, groupBody)).description;
		changed(group);
		return c.body(null, 204);
	});
	app.delete("/:group", (c) => {
		const group = find(c.req.param("group"));
		store.data.firewallGroups = store.data.firewallGroups.filter(
			(one) => one !== group,
		);
		// A group in use is detached without a word: its machines stand open.
		for (const instance of store.data.instances)
			if (instance.firewallGroupId === group.id) {
				instance.firewallGroupId = "";
				plant.firewallOfInstanceChanged(instance);
			}
		store.save();
		return c.body(null, 204);
	});

	app.get("/:group/rules", (c) => {
		const group = find(c.req.param("group"));
		const { items, meta } = page(c.req, group.rules, (one) => String(one.id));
		return c.json({ firewall_rules: items.map(viewRule), meta });
	});
	app.post("/:group/rules", async (c) => {
		const group = find(c.req.param("group"));
		const body = await readBody(c.req, ruleBody, errors.ruleBody);
		if (group.rules.length >= maxRules) throw errors.ruleLimit();
		const hasPorts = body.protocol === "tcp" || body.protocol === "udp";
		if (hasPorts === (body.port === "")) throw errors.ruleBody("port");
		group.lastRule += 1;
		const rule = { id: group.lastRule, ...body };
		group.rules.push(rule);
		changed(group);
		return c.json({ firewall_rule: viewRule(rule) }, 201);
	});
	const findRule = (group: FirewallGroup, id: string) => {
		const rule = group.rules.find((one) => String(one.id) === id);
		if (!rule) throw errors.rule();
		return rule;
	};
	app.get("/:group/rules/:rule", (c) =>
		c.json({
			firewall_rule: viewRule(
				findRule(find(c.req.param("group")), c.req.param("rule")),
			),
		}),
	);
	app.delete("/:group/rules/:rule", (c) => {
		const group = find(c.req.param("group"));
		const rule = findRule(group, c.req.param("rule"));
		group.rules = group.rules.filter((one) => one !== rule);
		changed(group);
		return c.body(null, 204);
	});
	return app;
}
