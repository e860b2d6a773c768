/** Vultr API v2, as far as it is needed (https://docs.vultr.com/api). */
import { z } from "zod";
import { type Environment, vultrKey } from "../environment.ts";
import { type ApiError, type ErrorCode, isApiError } from "../errors.ts";
import type { Call, FaultReader, Http } from "../http.ts";
import { apis } from "../messages.ts";

const instanceSchema = z.object({
	id: z.string().min(1),
	region: z.string(),
	plan: z.string(),
	os_id: z.int(),
	label: z.string(),
	hostname: z.string(),
	tags: z.array(z.string()),
	status: z.string(),
	power_status: z.string(),
	server_status: z.string(),
	main_ip: z.string(),
	v6_main_ip: z.string(),
	features: z.array(z.string()).default([]),
	firewall_group_id: z.string().default(""),
	date_created: z.string(),
});

/** A VM as Vultr tells it. */
export type VultrInstance = z.output<typeof instanceSchema>;

/** Whether somebody stopped a VM. One that is being installed is not running yet either. */
export function isStopped(vm: VultrInstance): boolean {
	return (
		vm.status === "active" &&
		vm.power_status === "stopped" &&
		!["none", "installingbooting"].includes(vm.server_status)
	);
}

/** What a VM is made from. */
export interface NewInstance {
	region: string;
	plan: string;
	os_id: number;
	label: string;
	hostname: string;
	tags: string[];
	firewall_group_id: string;
	enable_ipv6: boolean;
	/** Base64. */
	user_data: string;
	backups: "disabled";
	activation_email: false;
}

const firewallSchema = z.object({
	id: z.string().min(1),
	description: z.string(),
	instance_count: z.int(),
	rule_count: z.int(),
});

/** A firewall group as Vultr tells it. */
export type FirewallGroup = z.output<typeof firewallSchema>;

const planSchema = z.object({
	id: z.string(),
	vcpu_count: z.number(),
	/** MiB. */
	ram: z.number(),
	/** GB. */
	disk: z.number(),
	monthly_cost: z.number(),
	locations: z.array(z.string()),
});
const osSchema = z.object({
	id: z.int(),
	name: z.string(),
	family: z.string(),
});
const accountSchema = z.object({
	name: z.string(),
	email: z.string(),
	acls: z.array(z.string()).default([]),
});
const regionSchema = z.object({
	id: z.string(),
	city: z.string(),
	country: z.string(),
});

const page = z.object({
	meta: z
		.object({ links: z.object({ next: z.string() }).partial() })
		.partial()
		.optional(),
});

const errorBody = z.object({ error: z.string() });
const fault: FaultReader = (body) => ({ message: errorBody.parse(body).error });

/** Also what the API says of an id that it has forgotten. */
const goneText = /instance not found|invalid instance[ -]id/i;

const firewallRemedies = {
	not_allowed:
		"The key in VULTR_API_KEY needs the right to manage firewalls (https://my.vultr.com/settings/#settingsapi).",
};

export class Vultr {
	readonly #http: Http;
	readonly #env: Environment;
	readonly #base: string;

	constructor(http: Http, env: Environment, base = "https://api.vultr.com/v2") {
		this.#http = http;
		this.#env = env;
		this.#base = base;
	}

	/** The account and the rights of the key. */
	async account(): Promise<z.output<typeof accountSchema>> {
		const schema = z.object({ account: accountSchema });
		return (await this.#get("/account", "reading the account", schema)).account;
	}

	/** All plans, with the regions where each is sold. */
	plans(): Promise<z.output<typeof planSchema>[]> {
		return this.#list("/plans", "plans", planSchema, "listing plans");
	}

	operatingSystems(): Promise<z.output<typeof osSchema>[]> {
		return this.#list("/os", "os", osSchema, "listing operating systems");
	}

	regions(): Promise<z.output<typeof regionSchema>[]> {
		return this.#list("/regions", "regions", regionSchema, "listing regions");
	}

	/** Ids of the plans that can be ordered in a region at this moment. */
	async availablePlans(region: string): Promise<string[]> {
		const schema = z.object({ available_plans: z.array(z.string()) });
		const answer = await this.#get(
			`/regions/${encodeURIComponent(region)}/availability`,
			`asking what is available in region "${region}"`,
			schema,
		);
		return answer.available_plans;
	}

	/** VMs with exactly this tag, oldest first. */
	async instancesTagged(tag: string): Promise<VultrInstance[]> {
		const all = await this.#list(
			`/instances?tag=${encodeURIComponent(tag)}`,
			"instances",
			instanceSchema,
			`looking for VMs tagged "${tag}"`,
		);
		// The API's filter ignores case.
		return all
			.filter((instance) => instance.tags.includes(tag))
			.sort((a, b) => Date.parse(a.date_created) - Date.parse(b.date_created));
	}

	/** One VM, or undefined if it is gone. */
	async instance(id: string): Promise<VultrInstance | undefined> {
		const schema = z.object({ instance: instanceSchema });
		try {
			const path = `/instances/${encodeURIComponent(id)}`;
			return (await this.#get(path, `reading the VM ${id}`, schema)).instance;
		} catch (error) {
			if (isGone(error)) return undefined;
			throw error;
		}
	}

	/**
	 * Orders a VM and gives its id. `find` looks whether an attempt whose answer was lost made one; the API has no
	 * idempotency key.
	 */
	async createInstance(
		body: NewInstance,
		find: () => Promise<string | undefined>,
		remedies: Partial<Record<ErrorCode, string>>,
	): Promise<string> {
		const schema = z
			.object({ instance: z.object({ id: z.string().min(1) }) })
			.transform(({ instance }) => instance.id);
		const { data } = await this.#send({
			doing: `creating the VM "${body.label}"`,
			method: "POST",
			path: "/instances",
			body,
			schema,
			again: find,
			remedies,
		});
		return data;
	}

	/** Changes what is given, and nothing else. */
	async updateInstance(
		id: string,
		body: { label?: string; firewall_group_id?: string },
	): Promise<void> {
		await this.#send({
			doing: `changing the VM ${id}`,
			method: "PATCH",
			path: `/instances/${encodeURIComponent(id)}`,
			body,
			again: "safe",
		});
	}

	/** Deletes a VM at once, without a shutdown. Gives false if it was gone already. */
	async deleteInstance(id: string): Promise<boolean> {
		try {
			await this.#send({
				doing: `deleting the VM ${id}`,
				method: "DELETE",
				path: `/instances/${encodeURIComponent(id)}`,
				again: "safe",
			});
			return true;
		} catch (error) {
			if (isGone(error)) return false;
			throw error;
		}
	}

	/** Firewall groups of exactly this description. */
	async firewallGroups(description: string): Promise<FirewallGroup[]> {
		const all = await this.#list(
			"/firewalls",
			"firewall_groups",
			firewallSchema,
			"listing firewall groups",
		);
		return all.filter((group) => group.description === description);
	}

	/** One firewall group, or undefined if it is gone. */
	async firewallGroup(id: string): Promise<FirewallGroup | undefined> {
		const schema = z.object({ firewall_group: firewallSchema });
		try {
			const path = `/firewalls/${encodeURIComponent(id)}`;
			const doing = `reading the firewall group ${id}`;
			return (await this.#get(path, doing, schema)).firewall_group;
		} catch (error) {
			if (isApiError(error, "not_found")) return undefined;
			throw error;
		}
	}

	/** Makes a firewall group without rules and gives its id; `find` as for an instance. */
	async createFirewallGroup(
		description: string,
		find: () => Promise<string | undefined>,
	): Promise<string> {
		const { data } = await this.#send({
			doing: `creating the firewall group "${description}"`,
			method: "POST",
			path: "/firewalls",
			body: { description },
			schema: z
				.object({ firewall_group: z.object({ id: z.string().min(1) }) })
				.transform(({ firewall_group }) => firewall_group.id),
			again: find,
			remedies: firewallRemedies,
		});
		return data;
	}

	async renameFirewallGroup(id: string, description: string): Promise<void> {
		await this.#send({
			doing: `changing the firewall group ${id}`,
			method: "PUT",
			path: `/firewalls/${encodeURIComponent(id)}`,
			body: { description },
			again: "safe",
			remedies: firewallRemedies,
		});
	}

	/** Deletes a firewall group. Gives false if it was gone already. */
	async deleteFirewallGroup(id: string): Promise<boolean> {
		try {
			await this.#send({
				doing: `deleting the firewall group ${id}`,
				method: "DELETE",
				path: `/firewalls/${encodeURIComponent(id)}`,
				again: "safe",
				remedies: firewallRemedies,
			});
			return true;
		} catch (error) {
			if (isApiError(error, "not_found")) return false;
			throw error;
		}
	}

	#get<T>(path: string, doing: string, schema: z.ZodType<T>): Promise<T> {
		return this.#send({
			doing,
			method: "GET",
			path,
			schema,
			again: "safe",
		}).then(({ data }) => data);
	}

	/** All pages of a list. */
	async #list<S extends z.ZodType>(
		path: string,
		key: string,
		item: S,
		doing: string,
	): Promise<z.output<S>[]> {
		const schema: z.ZodType<Record<string, unknown>> = z.looseObject({
			[key]: z.array(item),
		});
		const items: z.output<S>[] = [];
		let cursor = "";
		do {
			const separator = path.includes("?") ? "&" : "?";
			const query = `${separator}per_page=500${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
			const answer = await this.#get(path + query, doing, schema);
			items.push(...z.array(item).parse(answer[key]));
			cursor = page.parse(answer).meta?.links?.next ?? "";
		} while (cursor);
		return items;
	}

	#send<T>({
		path,
		...call
	}: Omit<Call<T>, "api" | "url" | "fault" | "headers"> & { path: string }) {
		return this.#http.send<T>({
			...call,
			api: apis.vultr,
			url: this.#base + path,
			headers: { authorization: `Bearer ${vultrKey(this.#env)}` },
			fault,
		});
	}
}

function isGone(error: unknown): error is ApiError {
	if (isApiError(error, "not_found")) return true;
	return (
		isApiError(error, "invalid_request") &&
		goneText.test(error.refusal.serverMessage ?? "")
	);
}
