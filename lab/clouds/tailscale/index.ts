import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { z } from "zod";
import type { Cloud, World } from "../cloud.ts";
import { createAccess, needs, type Variables } from "./access.ts";
import type { Tailnet } from "./backend.ts";
import { isDevice, viewDevice } from "./devices.ts";
import { errors, TailscaleError } from "./errors.ts";
import { createHeadscaleTailnet } from "./headscale.ts";
import { keyRoutes } from "./keys.ts";
import { type Coordination, createMemoryTailnet, JoinError } from "./memory.ts";
import {
	type TailscaleOptions,
	type TailscaleSettings,
	tailscaleOptionsSchema,
} from "./options.ts";
import { labPolicy, type PolicySource, readPolicy } from "./policy.ts";

export { type Coordination, JoinError } from "./memory.ts";
export type { TailscaleOptions } from "./options.ts";
export { labPolicy } from "./policy.ts";

/** The Tailscale stand-in. */
export interface TailscaleCloud extends Cloud {
	/** For models of hosts; `undefined` with a real headscale, where the real client joins. */
	coordination: Coordination | undefined;
}

/** Tailscale API v2 for one tailnet. */
export function createTailscale(
	world: World,
	options: TailscaleOptions = {},
): TailscaleCloud {
	const settings = tailscaleOptionsSchema.parse(options);
	const { tailnet, policy, coordination } = openBackend(world, settings);
	const access = createAccess(world, settings);

	const app = new Hono<{ Variables: Variables }>();
	app.onError((error) => {
		if (error instanceof TailscaleError) return error.toResponse();
		console.error("tailscale:", error);
		return new TailscaleError(500, "internal server error").toResponse();
	});
	app.notFound(() => errors.route().toResponse());
	app.route("/api/v2/oauth", access.oauth);
	app.use("/api/v2/tailnet/*", access.authenticate);
	app.use("/api/v2/device/*", access.authenticate);
	app.use("/api/v2/tailnet/:tailnet/*", async (c, next) => {
		const name = c.req.param("tailnet");
		if (name !== "-" && name !== settings.tailnet) throw errors.tailnet();
		return next();
	});

	app.route("/api/v2/tailnet/:tailnet/keys", keyRoutes(world, tailnet, policy));
	app.get(
		"/api/v2/tailnet/:tailnet/devices",
		needs("devices:core", "read"),
		async (c) => {
			const devices = await tailnet.devices();
			return c.json({
				devices: devices.map((one) => viewDevice(one, tailnet)),
			});
		},
	);
	const findDevice = async (id: string) => {
		const devices = await tailnet.devices();
		const device = devices.find((one) => isDevice(one, id));
		if (!device) throw errors.device();
		return device;
	};
	app.get("/api/v2/device/:id", needs("devices:core", "read"), async (c) =>
		c.json(viewDevice(await findDevice(c.req.param("id")), tailnet)),
	);
	app.delete(
		"/api/v2/device/:id",
		needs("devices:core", "write"),
		async (c) => {
			const device = await findDevice(c.req.param("id"));
			if (!(await tailnet.deleteDevice(device.id))) throw errors.device();
			return c.body(null, 200);
		},
	);
	app.get("/api/v2/tailnet/:tailnet/acl", needs("policy_file", "read"), (c) => {
		const { text, etag, value } = policy.read();
		c.header("ETag", etag);
		const accept = c.req.header("accept") ?? "";
		if (accept.includes("application/json")) return c.json(value);
		return c.body(text, 200, { "content-type": "application/hujson" });
	});
	app.post(
		"/api/v2/tailnet/:tailnet/acl",
		needs("policy_file", "write"),
		async (c) => {
			if (!policy.write) throw errors.policyElsewhere();
			const expected = c.req.header("if-match");
			if (expected !== undefined && expected !== policy.read().etag)
				throw errors.precondition();
			const text = await c.req.text();
			try {
				readPolicy(text);
			} catch (error) {
				throw errors.policy((error as Error).message);
			}
			policy.write(text);
			const { etag, value } = policy.read();
			c.header("ETag", etag);
			return c.json(value);
		},
	);

	if (coordination) modelHostRoutes(app, coordination);

	return {
		name: "tailscale",
		hosts: coordination
			? ["api.tailscale.com", "controlplane.tailscale.com"]
			: ["api.tailscale.com"],
		app: app as unknown as Hono,
		coordination,
		snapshot: () =>
			coordination?.snapshot() ?? { headscale: settings.headscale?.url },
	};
}

interface Backend {
	tailnet: Tailnet;
	policy: PolicySource;
	coordination: Coordination | undefined;
}

function openBackend(world: World, settings: TailscaleSettings): Backend {
	if (settings.headscale)
		return {
			tailnet: createHeadscaleTailnet(world, settings.headscale),
			policy: policyOfFile(settings.headscale.policyFile),
			coordination: undefined,
		};
	const tailnet = createMemoryTailnet(world, settings.domain);
	const policy = policyOfStore(world, settings.policy ?? labPolicy);
	return { tailnet, policy, coordination: tailnet };
}

const joinBody = z.object({
	authKey: z.string(),
	hostname: z.string().min(1),
	address: z.string().optional(),
});
const onlineBody = z.object({ id: z.string(), online: z.boolean() });

/**
 * What a model of a host in another process calls, on the control server's name. The real one speaks its own encrypted
 * protocol there; these paths exist in the lab only.
 */
function modelHostRoutes(
	app: Hono<{ Variables: Variables }>,
	coordination: Coordination,
): void {
	app.post("/lab/join", async (c) => {
		try {
			return c.json(coordination.join(joinBody.parse(await c.req.json())));
		} catch (error) {
			if (error instanceof JoinError)
				throw new TailscaleError(401, error.message);
			throw error;
		}
	});
	app.post("/lab/online", async (c) => {
		const { id, online } = onlineBody.parse(await c.req.json());
		if (!coordination.setOnline(id, online)) throw errors.device();
		return c.body(null, 204);
	});
}

function policyOfFile(path: string): PolicySource {
	return { read: () => readPolicy(readFileSync(path, "utf8")) };
}

function policyOfStore(world: World, initial: string): PolicySource {
	readPolicy(initial);
	const store = world.store(
		"tailscale-policy",
		z.object({ text: z.string() }),
		{ text: initial },
	);
	return {
		read: () => readPolicy(store.data.text),
		write(text) {
			store.data.text = text;
			store.save();
		},
	};
}
