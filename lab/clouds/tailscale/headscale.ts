import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { z } from "zod";
import { exchange } from "../../exchange.ts";
import type { World } from "../cloud.ts";
import type { AuthKey, Device, Tailnet } from "./backend.ts";
import { TailscaleError } from "./errors.ts";

/** Where the real headscale is, and what it does not say of itself. */
export const headscaleOptionsSchema = z.strictObject({
	/** For example `https://10.99.0.1`; plain http is possible too. */
	url: z.url(),
	/** Name in its certificate, where the URL has an address. */
	serverName: z.string().optional(),
	/** PEM file of the authority to trust. */
	caPath: z.string().optional(),
	/** From `headscale apikeys create`, or the path of a file that holds it, written `file:…`. */
	apiKey: z.string().min(1),
	/** `dns.base_domain` of its configuration. */
	domain: z.string().default("tailnet.test"),
	/** Owner of keys without tags. */
	user: z.string().default("operator"),
	/** Its policy file (HuJSON), which the API shows. */
	policyFile: z.string(),
});

export type HeadscaleOptions = z.input<typeof headscaleOptionsSchema>;

// headscale writes 64-bit numbers as strings, and leaves out what is empty or false.
const nodeSchema = z.object({
	id: z.coerce.string(),
	name: z.string(),
	givenName: z.string().default(""),
	ipAddresses: z.array(z.string()).default([]),
	tags: z.array(z.string()).default([]),
	user: z.object({ name: z.string().default("") }).optional(),
	createdAt: z.string().optional(),
	expiry: z.string().nullish(),
	lastSeen: z.string().nullish(),
	online: z.boolean().default(false),
	preAuthKey: z.object({ ephemeral: z.boolean().default(false) }).nullish(),
});
const keySchema = z.object({
	id: z.coerce.string(),
	key: z.string(),
	reusable: z.boolean().default(false),
	ephemeral: z.boolean().default(false),
	used: z.boolean().default(false),
	expiration: z.string(),
	createdAt: z.string(),
	aclTags: z.array(z.string()).default([]),
});
/** What headscale does not keep about a key. */
const notesSchema = z.object({
	notes: z.record(
		z.string(),
		z.object({ description: z.string(), expirySeconds: z.number() }),
	),
	/** Revoked keys, which headscale may go on listing. */
	deleted: z.array(z.string()),
});

/** A tailnet of the real headscale, over its REST interface. */
export function createHeadscaleTailnet(
	world: World,
	input: HeadscaleOptions,
): Tailnet {
	const options = headscaleOptionsSchema.parse(input);
	const store = world.store("tailscale-headscale", notesSchema, {
		notes: {},
		deleted: [],
	});

	async function call<S extends z.ZodType>(
		method: string,
		path: string,
		schema: S,
		body?: unknown,
	): Promise<z.output<S>> {
		const { status, text } = await send(options, method, path, body);
		if (status >= 300) throw new HeadscaleError(status, text);
		return schema.parse(JSON.parse(text || "{}"));
	}

	async function userId(): Promise<string> {
		const { users } = await call(
			"GET",
			"/api/v1/user",
			z.object({
				users: z
					.array(z.object({ id: z.coerce.string(), name: z.string() }))
					.default([]),
			}),
		);
		const user = users.find((one) => one.name === options.user);
		if (!user)
			throw new HeadscaleError(404, `there is no user ${options.user}`);
		return user.id;
	}

	async function listKeys(): Promise<z.output<typeof keySchema>[]> {
		const { preAuthKeys } = await call(
			"GET",
			"/api/v1/preauthkey",
			z.object({ preAuthKeys: z.array(keySchema).default([]) }),
		);
		return preAuthKeys.filter((key) => !store.data.deleted.includes(key.id));
	}

	function toKey(key: z.output<typeof keySchema>): AuthKey {
		const expires = Date.parse(key.expiration);
		const created = Date.parse(key.createdAt);
		const note = store.data.notes[key.id];
		return {
			id: key.id,
			description: note?.description ?? "",
			expirySeconds:
				note?.expirySeconds ?? Math.round((expires - created) / 1000),
			created,
			expires,
			used: key.used,
			reusable: key.reusable,
			ephemeral: key.ephemeral,
			// headscale approves every node that has a key.
			preauthorized: true,
			tags: key.aclTags,
		};
	}

	return {
		domain: options.domain,
		async createKey(capability, description, expirySeconds) {
			// Not the lab's clock: headscale and the node compare with their machine's.
			const expiration = new Date(
				Date.now() + expirySeconds * 1000,
			).toISOString();
			const { preAuthKey } = await call(
				"POST",
				"/api/v1/preauthkey",
				z.object({ preAuthKey: keySchema }),
				{
					reusable: capability.reusable,
					ephemeral: capability.ephemeral,
					expiration,
					aclTags: capability.tags,
					// A key has an owner or tags.
					...(capability.tags.length > 0 ? {} : { user: await userId() }),
				},
			);
			store.data.notes[preAuthKey.id] = { description, expirySeconds };
			store.save();
			return { key: toKey(preAuthKey), secret: preAuthKey.key };
		},
		keys: async () => (await listKeys()).map(toKey),
		async deleteKey(id) {
			// headscale says 200 to any number.
			if (!(await listKeys()).some((key) => key.id === id)) return false;
			await call(
				"DELETE",
				`/api/v1/preauthkey?id=${encodeURIComponent(id)}`,
				z.unknown(),
			);
			store.data.deleted.push(id);
			delete store.data.notes[id];
			store.save();
			return true;
		},
		async devices() {
			const { nodes } = await call(
				"GET",
				"/api/v1/node",
				z.object({ nodes: z.array(nodeSchema).default([]) }),
			);
			return nodes.map(toDevice);
		},
		async deleteDevice(id) {
			if (!/^\d+$/.test(id)) return false;
			try {
				await call("DELETE", `/api/v1/node/${id}`, z.unknown());
				return true;
			} catch (error) {
				if (error instanceof HeadscaleError && error.headscaleStatus === 404)
					return false;
				throw error;
			}
		},
	};
}

/** headscale cannot be asked, or refuses: for the caller of the API this is a fault of the service. */
class HeadscaleError extends TailscaleError {
	readonly headscaleStatus: number;

	constructor(status: number, text: string) {
		super(502, `the control server answered ${status}: ${text.slice(0, 200)}`);
		this.headscaleStatus = status;
	}
}

function toDevice(node: z.output<typeof nodeSchema>): Device {
	const expiry = node.expiry ? Date.parse(node.expiry) : Number.NaN;
	return {
		id: node.id,
		hostname: node.name,
		givenName: node.givenName || node.name,
		addresses: node.ipAddresses,
		tags: node.tags,
		user: node.user?.name ?? "",
		created: Date.parse(node.createdAt ?? "") || 0,
		// The year 1 stands for never.
		expires: expiry > 0 ? expiry : null,
		lastSeen: Date.parse(node.lastSeen ?? "") || 0,
		online: node.online,
		ephemeral: node.preAuthKey?.ephemeral ?? false,
		os: "linux",
	};
}

async function send(
	options: z.output<typeof headscaleOptionsSchema>,
	method: string,
	path: string,
	body: unknown,
): Promise<{ status: number; text: string }> {
	const url = new URL(path, options.url);
	const request = url.protocol === "https:" ? httpsRequest : httpRequest;
	const key = options.apiKey.startsWith("file:")
		? readFileSync(options.apiKey.slice(5), "utf8").trim()
		: options.apiKey;
	const text = body === undefined ? undefined : JSON.stringify(body);
	const outgoing = request(url, {
		method,
		signal: AbortSignal.timeout(15_000),
		...(options.serverName ? { servername: options.serverName } : {}),
		...(options.caPath ? { ca: readFileSync(options.caPath) } : {}),
		headers: {
			authorization: `Bearer ${key}`,
			...(options.serverName ? { host: options.serverName } : {}),
			...(text === undefined
				? {}
				: {
						"content-type": "application/json",
						"content-length": String(Buffer.byteLength(text)),
					}),
		},
	});
	try {
		return await exchange(outgoing, text);
	} catch (cause) {
		throw new HeadscaleError(0, (cause as Error).message);
	}
}
