import { Hono } from "hono";
import { z } from "zod";
import { uuid } from "../world.ts";
import { needs, type Variables } from "./access.ts";
import { readBody } from "./body.ts";
import { type Context, isoTime } from "./context.ts";
import { errors } from "./errors.ts";
import type { Script, SshKey } from "./model.ts";
import { page } from "./paging.ts";

const keyBody = z.object({
	name: z.string().min(1),
	ssh_key: z.string().min(1),
});
const scriptBody = z.object({
	name: z.string().min(1),
	type: z.enum(["boot", "pxe"]).default("boot"),
	/** Base64. */
	script: z.string().min(1),
});

/** `/v2/ssh-keys`. */
export function sshKeyRoutes(context: Context): Hono<{ Variables: Variables }> {
	const { world, store } = context;
	const app = new Hono<{ Variables: Variables }>();
	app.use(needs("provisioning"));
	const view = (key: SshKey) => ({
		id: key.id,
		date_created: isoTime(key.created),
		name: key.name,
		ssh_key: key.key,
	});
	const find = (id: string) => {
		const key = store.data.sshKeys.find((one) => one.id === id);
		if (!key) throw errors.sshKey();
		return key;
	};
	app.get("/", (c) => {
		const { items, meta } = page(c.req, store.data.sshKeys, (one) => one.id);
		return c.json({ ssh_keys: items.map(view), meta });
	});
	app.post("/", async (c) => {
		const body = await readBody(c.req, keyBody, errors.sshKeyBody);
		const key: SshKey = {
			id: uuid(world),
			name: body.name,
			key: body.ssh_key,
			created: world.clock.now(),
		};
		store.data.sshKeys.push(key);
		store.save();
		return c.json({ ssh_key: view(key) }, 201);
	});
	app.get("/:id", (c) => c.json({ ssh_key: view(find(c.req.param("id"))) }));
	app.patch("/:id", async (c) => {
		const key = find(c.req.param("id"));
		const body = await readBody(c.req, keyBody.partial(), errors.sshKeyBody);
		key.name = body.name ?? key.name;
		key.key = body.ssh_key ?? key.key;
		store.save();
		return c.body(null, 204);
	});
	app.delete("/:id", (c) => {
		const key = find(c.req.param("id"));
		store.data.sshKeys = store.data.sshKeys.filter((one) => one !== key);
		store.save();
		return c.body(null, 204);
	});
	return app;
}

/** `/v2/startup-scripts`. */
export function scriptRoutes(context: Context): Hono<{ Variables: Variables }> {
	const { world, store } = context;
	const app = new Hono<{ Variables: Variables }>();
	app.use(needs("provisioning"));
	/** The list leaves the script itself out. */
	const summary = (script: Script) => ({
		id: script.id,
		date_created: isoTime(script.created),
		date_modified: isoTime(script.modified),
		name: script.name,
		type: script.type,
	});
	const view = (script: Script) => ({
		...summary(script),
		script: script.script,
	});
	const find = (id: string) => {
		const script = store.data.scripts.find((one) => one.id === id);
		if (!script) throw errors.script();
		return script;
	};
	app.get("/", (c) => {
		const { items, meta } = page(c.req, store.data.scripts, (one) => one.id);
		return c.json({ startup_scripts: items.map(summary), meta });
	});
	app.post("/", async (c) => {
		const body = await readBody(c.req, scriptBody);
		const now = world.clock.now();
		const script: Script = {
			id: uuid(world),
			...body,
			created: now,
			modified: now,
		};
		store.data.scripts.push(script);
		store.save();
		return c.json({ startup_script: view(script) }, 201);
	});
	app.get("/:id", (c) =>
		c.json({ startup_script: view(find(c.req.param("id"))) }),
	);
	app.patch("/:id", async (c) => {
		const script = find(c.req.param("id"));
		const body = await readBody(
			c.req,
			scriptBody.omit({ type: true }).partial(),
		);
		script.name = body.name ?? script.name;
		script.script = body.script ?? script.script;
		script.modified = world.clock.now();
		store.save();
		return c.body(null, 204);
	});
	app.delete("/:id", (c) => {
		const script = find(c.req.param("id"));
		store.data.scripts = store.data.scripts.filter((one) => one !== script);
		store.save();
		return c.body(null, 204);
	});
	return app;
}
