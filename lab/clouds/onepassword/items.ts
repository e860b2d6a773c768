import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Store, World } from "../cloud.ts";
import { errors } from "./errors.ts";
import { parseFilter } from "./filter.ts";
import type { Account, Grant, Item, Vault } from "./model.ts";
import { identifier } from "./seed.ts";

/** What a route finds in its context. */
export interface Variables {
	grant: Grant;
}
type Env = { Variables: Variables };

const idPattern = /^[a-z0-9]{26}$/;

const itemBody = z.object({
	title: z.string().min(1),
	category: z.string().default("PASSWORD"),
	tags: z.array(z.string()).default([]),
	fields: z
		.array(
			z.object({
				id: z.string().optional(),
				label: z.string().default(""),
				type: z.string().default("STRING"),
				purpose: z.enum(["USERNAME", "PASSWORD", "NOTES"]).optional(),
				value: z.string().default(""),
				section: z.object({ id: z.string(), label: z.string() }).optional(),
			}),
		)
		.default([]),
});

const patchBody = z.array(
	z.object({
		op: z.enum(["add", "replace"]),
		path: z.string(),
		value: z.string(),
	}),
);

/** `/v1/vaults` and what lies below it. */
export function itemRoutes(world: World, store: Store<Account>): Hono<Env> {
	const app = new Hono<Env>();

	const vaultOf = (c: Context<Env>): Vault => {
		const id = c.req.param("vault") ?? "";
		if (!idPattern.test(id)) throw errors.vaultId();
		if (!c.get("grant").vaults.includes(id)) throw errors.scope(id);
		const vault = store.data.vaults.find((one) => one.id === id);
		if (!vault) throw errors.vault(id);
		return vault;
	};
	const itemOf = (c: Context<Env>): Item => {
		const vault = vaultOf(c);
		const id = c.req.param("item") ?? "";
		if (!idPattern.test(id)) throw errors.itemId();
		const item = store.data.items.find(
			(one) => one.vault === vault.id && one.id === id,
		);
		if (!item) throw errors.item(id);
		return item;
	};
	const needsWrite = (c: Context<Env>) => {
		if (!c.get("grant").write) throw errors.readOnly();
	};
	const viewVault = (vault: Vault) => {
		const items = store.data.items.filter((one) => one.vault === vault.id);
		const updated = Math.max(vault.created, ...items.map((one) => one.updated));
		return {
			id: vault.id,
			name: vault.name,
			description: vault.description,
			attributeVersion: 1,
			contentVersion: items.reduce((sum, one) => sum + one.version, 1),
			items: items.length,
			type: "USER_CREATED",
			createdAt: time(vault.created),
			updatedAt: time(updated),
		};
	};

	app.get("/", (c) => {
		const filter = parseFilter(c.req.query("filter"), ["title", "name"]);
		const { vaults } = c.get("grant");
		return c.json(
			store.data.vaults
				.filter((one) => vaults.includes(one.id))
				.filter((one) => filter === undefined || one.name === filter.value)
				.map(viewVault),
		);
	});
	app.get("/:vault", (c) => c.json(viewVault(vaultOf(c))));

	app.get("/:vault/items", (c) => {
		const vault = vaultOf(c);
		const filter = parseFilter(c.req.query("filter"), ["title", "tag"]);
		const matches = (item: Item) => {
			if (!filter) return true;
			return filter.attribute === "tag"
				? item.tags.includes(filter.value)
				: item.title === filter.value;
		};
		return c.json(
			store.data.items
				.filter((one) => one.vault === vault.id && matches(one))
				.map(summary),
		);
	});
	app.get("/:vault/items/:item", (c) => c.json(viewItem(itemOf(c))));

	app.post("/:vault/items", async (c) => {
		const vault = vaultOf(c);
		needsWrite(c);
		const content = await body(c, itemBody);
		const now = world.clock.now();
		const item: Item = {
			id: identifier("item", world.random(16)),
			vault: vault.id,
			...content,
			fields: withIds(content.fields),
			version: 1,
			created: now,
			updated: now,
		};
		store.data.items.push(item);
		store.save();
		return c.json(viewItem(item));
	});
	app.put("/:vault/items/:item", async (c) => {
		const item = itemOf(c);
		needsWrite(c);
		return c.json(change(item, await body(c, itemBody)));
	});
	app.patch("/:vault/items/:item", async (c) => {
		const item = itemOf(c);
		needsWrite(c);
		const next = structuredClone(item);
		for (const { path, value } of await body(c, patchBody)) {
			const id = /^\/fields\/([^/]+)\/value$/.exec(path)?.[1];
			const field = next.fields.find((one) => one.id === id);
			if (path === "/title") next.title = value;
			else if (field) field.value = value;
			else throw errors.body();
		}
		return c.json(change(item, next));
	});
	app.delete("/:vault/items/:item", (c) => {
		const item = itemOf(c);
		needsWrite(c);
		store.data.items = store.data.items.filter((one) => one !== item);
		store.save();
		return c.body(null, 204);
	});
	return app;

	function change(item: Item, next: z.output<typeof itemBody>) {
		item.title = next.title;
		item.category = next.category;
		item.tags = next.tags;
		item.fields = withIds(next.fields);
		item.version += 1;
		item.updated = world.clock.now();
		store.save();
		return viewItem(item);
	}

	async function body<S extends z.ZodType>(
		c: Context<Env>,
		schema: S,
	): Promise<z.output<S>> {
		const result = schema.safeParse(await c.req.json().catch(() => undefined));
		if (!result.success) throw errors.body();
		return result.data;
	}
}

function withIds(fields: z.output<typeof itemBody>["fields"]): Item["fields"] {
	return fields.map((field) => ({ ...field, id: field.id ?? field.label }));
}

/** Lists carry no fields. */
function summary(item: Item) {
	return {
		id: item.id,
		title: item.title,
		version: item.version,
		vault: { id: item.vault },
		category: item.category,
		tags: item.tags,
		lastEditedBy: "LABLABLABLABLABLABLABLABLA",
		createdAt: time(item.created),
		updatedAt: time(item.updated),
	};
}

function viewItem(item: Item) {
	const sections = new Map(
		item.fields.flatMap(({ section }) =>
			section ? [[section.id, section] as const] : [],
		),
	);
	return {
		...summary(item),
		sections: [...sections.values()],
		fields: item.fields,
	};
}

function time(milliseconds: number): string {
	return new Date(milliseconds).toISOString();
}
