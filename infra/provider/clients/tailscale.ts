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
			path: `/tailnet/${encodeURIComponent(tailnetOf(this.#env))}/devices`,
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
	async deleteDevice(id: string): Promise<boolean> {
		try {
			await this.#send({
				doing: `removing the device ${id}`,
				method: "DELETE",
				path: `/device/${encodeURIComponent(id)}`,
				again: "safe",
			});
			return true;
		} catch (error) {
			if (isApiError(error, "not_found")) return false;
			throw error;
		}
	}

	/** Ids of the keys of the tailnet: whoever may list them may, as a rule, make one. */
	async keys(): Promise<string[]> {
		const { data } = await this.#send({
			doing: "listing the keys of the tailnet",
			method: "GET",
			path: `/tailnet/${encodeURIComponent(tailnetOf(this.#env))}/keys`,
			schema: z.object({ keys: z.array(z.object({ id: z.string() })) }),
			again: "safe",
		});
		return data.keys.map(({ id }) => id);
	}

	/** The tailnet's policy. Many credentials may not read it: `not_allowed`. */
	async policy(): Promise<Policy> {
		const { data } = await this.#send({
			doing: "reading the tailnet policy",
			method: "GET",
			path: `/tailnet/${encodeURIComponent(tailnetOf(this.#env))}/acl`,
			schema: policySchema,
			again: "safe",
		});
		return data;
	}

	async #send<T>({
		path,
		...call
	}: Omit<Call<T>, "api" | "url" | "fault" | "headers"> & { path: string }) {
		return this.#http.send<T>({
			...call,
			api: apis.tailscale,
			url: this.#base + path,
			headers: { authorization: await this.#authorization() },
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
