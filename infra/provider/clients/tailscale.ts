/** Tailscale API v2, as far as it is needed (https://tailscale.com/api). */
import { z } from "zod";
import {
	type Environment,
	tailnetOf,
	tailscaleCredential,
} from "../environment.ts";
import { isApiError } from "../errors.ts";
import type { Call, FaultReader, Http } from "../http.ts";
import { apis } from "../messages.ts";

const deviceSchema = z.object({
	id: z.string().min(1),
	/** What the device calls itself. */
	hostname: z.string(),
	/** Name on the tailnet with its domain; carries a number if `hostname` was taken. */
	name: z.string(),
	addresses: z.array(z.string()),
	tags: z.array(z.string()).default([]),
	user: z.string().default(""),
	connectedToControl: z.boolean().optional(),
	lastSeen: z.string().optional(),
});

/** A device of the tailnet. */
export interface Device {
	readonly id: string;
	readonly hostname: string;
	/** Name on the tailnet with its domain, without a dot at the end. */
	readonly fqdn: string;
	/** Its IPv4 address, else its first one. */
	readonly address: string;
	readonly tags: readonly string[];
	readonly user: string;
	/** Whether it is connected at this moment. */
	readonly online: boolean;
}

/** Without a better sign, a device seen within this time counts as online. */
const seenLately = 5 * 60_000;

const policySchema = z.looseObject({
	tagOwners: z.record(z.string(), z.array(z.string())).optional(),
	acls: z.array(z.looseObject({})).optional(),
	grants: z.array(z.looseObject({})).optional(),
	ssh: z.array(z.looseObject({})).optional(),
});

/** The tailnet's policy, as far as it is looked at. */
export type Policy = z.output<typeof policySchema>;

const errorBody = z.object({ message: z.string() });
const fault: FaultReader = (body) => ({
	message: errorBody.parse(body).message,
});

export class Tailscale {
	readonly #http: Http;
	readonly #env: Environment;
	readonly #base: string;
	#token: { value: string; until: number } | undefined;

	constructor(
		http: Http,
		env: Environment,
		base = "https://api.tailscale.com/api/v2",
	) {
		this.#http = http;
		this.#env = env;
		this.#base = base;
	}

	/** All devices of the tailnet. */
	async devices(): Promise<Device[]> {
		const { data, headers } = await this.#send({
			doing: "listing the devices of the tailnet",
			method: "GET",
			path: this.#tailnet("/devices"),
			schema: z.object({ devices: z.array(deviceSchema) }),
			again: "safe",
			remedies: {
				not_found: `There is no tailnet "${tailnetOf(this.#env)}" for this credential: correct TAILSCALE_TAILNET, or unset it.`,
			},
		});
		const now = Date.parse(headers.get("date") ?? "") || Date.now();
		return data.devices.map((device) => ({
			id: device.id,
			hostname: device.hostname,
			fqdn: device.name.replace(/\.$/, ""),
			address:
				device.addresses.find((address) => address.includes(".")) ??
				device.addresses[0] ??
				"",
			tags: device.tags,
			user: device.user,
			online:
				device.connectedToControl ??
				now - Date.parse(device.lastSeen ?? "") < seenLately,
		}));
	}

	/** Removes a device. Gives false if it was gone already. */
	deleteDevice(id: string): Promise<boolean> {
		return this.#delete(
			`removing the device ${id}`,
			`/device/${encodeURIComponent(id)}`,
		);
	}

	/** Keys of the tailnet: whoever may list them may, as a rule, make one. */
	async keys(): Promise<readonly { id: string; description: string }[]> {
		const { data } = await this.#send({
			doing: "listing the keys of the tailnet",
			method: "GET",
			path: this.#tailnet("/keys"),
			schema: z.object({
				keys: z.array(
					z.object({ id: z.string(), description: z.string().default("") }),
				),
			}),
			again: "safe",
		});
		return data.keys;
	}

	async #keysDescribed(description: string): Promise<string[]> {
		const keys = await this.keys();
		return keys
			.filter((key) => key.description === description)
			.map(({ id }) => id);
	}

	/** Makes a one-off, pre-authorised, not ephemeral auth key. One whose answer was lost is revoked before another is made. */
	async createKey(wanted: {
		readonly description: string;
		readonly tag: string;
		readonly expirySeconds: number;
	}): Promise<{ id: string; key: string }> {
		const { description, tag, expirySeconds } = wanted;
		const before = await this.#keysDescribed(description);
		const { data } = await this.#send({
			doing: "making the join key",
			method: "POST",
			path: this.#tailnet("/keys"),
			body: {
				capabilities: {
					devices: {
						create: {
							reusable: false,
							ephemeral: false,
							preauthorized: true,
							tags: [tag],
						},
					},
				},
				expirySeconds,
				description,
			},
			schema: z.object({ id: z.string().min(1), key: z.string().min(1) }),
			again: async () => {
				for (const id of await this.#keysDescribed(description))
					if (!before.includes(id)) await this.deleteKey(id);
				return undefined;
			},
			remedies: {
				invalid_request: `Make sure that the tailnet policy gives ${tag} an owner (tagOwners) to whom this credential belongs, or choose another tag: \`pulumi config set tag <tag>\`.`,
			},
		});
		return data;
	}

	/** Revokes a key; that it is gone already is fine. */
	async deleteKey(id: string): Promise<void> {
		await this.#delete(
			`revoking the join key ${id}`,
			this.#tailnet(`/keys/${encodeURIComponent(id)}`),
		);
	}

	/** Replaces the tailnet's policy by this HuJSON, whatever stood there; gives the name of the new version. */
	async writePolicy(text: string): Promise<string> {
		const { headers } = await this.#send({
			doing: "writing the tailnet policy",
			method: "POST",
			path: this.#tailnet("/acl"),
			headers: { "content-type": "application/hujson" },
			body: text,
			again: "safe",
			remedies: {
				not_allowed:
					"Give the credential the scope policy_file, or unset the setting `tailnetPolicy` and keep the policy by hand (policy/tailnet.hujson).",
			},
		});
		return headers.get("etag") ?? "";
	}

	/** The tailnet's policy. Many credentials may not read it: `not_allowed`. */
	async policy(): Promise<Policy & { readonly etag: string }> {
		const { data, headers } = await this.#send({
			doing: "reading the tailnet policy",
			method: "GET",
			path: this.#tailnet("/acl"),
			schema: policySchema,
			again: "safe",
		});
		return { ...data, etag: headers.get("etag") ?? "" };
	}

	#tailnet(below: string): string {
		return `/tailnet/${encodeURIComponent(tailnetOf(this.#env))}${below}`;
	}

	/** Gives false if it was gone already. */
	async #delete(doing: string, path: string): Promise<boolean> {
		try {
			await this.#send({ doing, method: "DELETE", path, again: "safe" });
			return true;
		} catch (error) {
			if (isApiError(error, "not_found")) return false;
			throw error;
		}
	}

	async #send<T>({
		path,
		headers,
		...call
	}: Omit<Call<T>, "api" | "url" | "fault"> & { path: string }) {
		return this.#http.send<T>({
			...call,
			api: apis.tailscale,
			url: this.#base + path,
			headers: { ...headers, authorization: await this.#authorization() },
			fault,
		});
	}

	async #authorization(): Promise<string> {
		const credential = tailscaleCredential(this.#env);
		if (credential.kind === "key") return basic(credential.key, "");
		if (this.#token && performance.now() < this.#token.until)
			return `Bearer ${this.#token.value}`;
		const { data } = await this.#http.send({
			api: apis.tailscale,
			doing: "logging in with the OAuth client",
			method: "POST",
			url: `${this.#base}/oauth/token`,
			headers: {
				authorization: basic(credential.id, credential.secret),
				"content-type": "application/x-www-form-urlencoded",
			},
			body: "grant_type=client_credentials",
			schema: z.object({ access_token: z.string(), expires_in: z.number() }),
			again: "safe",
			fault,
		});
		this.#token = {
			value: data.access_token,
			until: performance.now() + (data.expires_in - 60) * 1000,
		};
		return `Bearer ${data.access_token}`;
	}
}

function basic(user: string, password: string): string {
	return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
