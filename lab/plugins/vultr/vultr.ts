// pulumi-resource-vultr 2.26.1 as far as a program here uses it: requests, retries and errors are those of the real
// plugin, which wraps Vultr's Terraform provider. Recorded traces: tests beside this file.
import { setTimeout as sleep } from "node:timers/promises";
import { type Plugin, type ResourceType, setting } from "../plugin.ts";
import type { Properties } from "../values.ts";

const api = "https://api.vultr.com/v2";
/** Pauses before the second, third and fourth attempt, in milliseconds. */
const pauses = [330, 500, 500];

/** Vultr's answer where it is not a success; the text is the body as it came. */
class VultrError extends Error {
	readonly status: number;
	constructor(status: number, body: string) {
		super(body);
		this.status = status;
	}
}

/** The plugin over this `fetch`. */
export function vultrPlugin(fetch: typeof globalThis.fetch): Plugin {
	const call = caller(fetch);
	return {
		name: "vultr",
		version: "2.26.1",
		resources: {
			"vultr:index/firewallGroup:FirewallGroup": firewallGroup(call),
			"vultr:index/firewallRule:FirewallRule": firewallRule(call),
		},
	};
}

type Call = (
	method: string,
	path: string,
	body?: Properties,
) => Promise<Properties>;

function caller(fetch: typeof globalThis.fetch): Call {
	return async (method, path, body) => {
		const key = setting("apiKey", "VULTR_API_KEY");
		if (!key)
			throw new Error(
				"Provider is missing a required configuration key, try `pulumi config set vultr:apiKey`",
			);
		const request = () =>
			fetch(`${api}${path}`, {
				method,
				headers: {
					Authorization: `Bearer ${key}`,
					"User-Agent": "Terraform/v2.36.1",
					Accept: "application/json",
					"Content-Type": "application/json",
				},
				...(body ? { body: JSON.stringify(body) } : {}),
			});
		const response = await withRetries(request);
		const text = await response.text();
		if (!response.ok) throw new VultrError(response.status, text.trim());
		return text ? (JSON.parse(text) as Properties) : {};
	};
}

/** Four attempts on 429, 5xx and lost connections, whatever the method. */
async function withRetries(
	request: () => Promise<Response>,
): Promise<Response> {
	for (let attempt = 0; ; attempt++) {
		const outcome = await request().catch((error: unknown) => error as Error);
		const lost = outcome instanceof Error;
		if (!lost && outcome.status !== 429 && outcome.status < 500) return outcome;
		const pause = pauses[attempt];
		if (pause === undefined) {
			const last = lost ? outcome.message : (await outcome.text()).trim();
			throw new Error(
				`gave up after ${attempt + 1} attempts, last error: ${JSON.stringify(last)}`,
			);
		}
		const asked = lost ? null : outcome.headers.get("retry-after");
		const honoured = !lost && outcome.status === 429 && Number(asked) > 0;
		await sleep(honoured ? Number(asked) * 1000 : pause);
	}
}

/** Runs a call and begins its error as the plugin does. */
async function saying<T>(what: string, call: Promise<T>): Promise<T> {
	try {
		return await call;
	} catch (error) {
		throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
	}
}

function firewallGroup(call: Call): ResourceType {
	const outputs = (answer: Properties): Properties => {
		const group = answer.firewall_group as Properties;
		return {
			description: group.description,
			dateCreated: group.date_created,
			dateModified: group.date_modified,
			instanceCount: group.instance_count,
			ruleCount: group.rule_count,
			maxRuleCount: group.max_rule_count,
		};
	};
	const get = (id: string) =>
		saying(
			`error getting firewall group (${id})`,
			call("GET", `/firewalls/${id}`),
		);
	return {
		inputs: ["description"],
		replaceOn: [],
		async create(inputs) {
			const answer = await saying(
				"error creating firewall group",
				call(
					"POST",
					"/firewalls",
					pick(inputs, { description: "description" }),
				),
			);
			const id = String((answer.firewall_group as Properties).id);
			return { id, outputs: outputs(await get(id)) };
		},
		async read(id) {
			try {
				return outputs(await get(id));
			} catch (error) {
				// Only this very text makes the real plugin drop the group from the state.
				if ((error as Error).message.includes('"status":404')) return undefined;
				throw error;
			}
		},
		async update(id, _olds, news) {
			await saying(
				`error updating firewall group ${id}`,
				call(
					"PUT",
					`/firewalls/${id}`,
					pick(news, { description: "description" }),
				),
			);
			return outputs(await get(id));
		},
		async delete(id) {
			await saying(
				`error destroying firewall group ${id}`,
				call("DELETE", `/firewalls/${id}`),
			);
		},
	};
}

const ruleFields = {
	ipType: "ip_type",
	protocol: "protocol",
	subnet: "subnet",
	subnetSize: "subnet_size",
	port: "port",
	notes: "notes",
};

function firewallRule(call: Call): ResourceType {
	const path = (group: unknown, id = "") =>
		`/firewalls/${group}/rules${id && `/${id}`}`;
	const get = async (group: unknown, id: string): Promise<Properties> => {
		const answer = await saying(
			`error getting firewall rule ${id}`,
			call("GET", path(group, id)),
		);
		const rule = answer.firewall_rule as Properties;
		const found = Object.entries(ruleFields).map(([name, wire]) => [
			name,
			rule[wire],
		]);
		return Object.fromEntries(found.filter(([, value]) => value !== ""));
	};
	const fields = [...Object.keys(ruleFields), "firewallGroupId", "source"];
	return {
		inputs: fields,
		replaceOn: fields,
		defaults: { source: "" },
		async create(inputs) {
			const group = inputs.firewallGroupId;
			const body = pick(inputs, ruleFields);
			if (inputs.source) body.source = inputs.source;
			const answer = await saying(
				"error creating firewall rule",
				call("POST", path(group), body),
			);
			const id = String((answer.firewall_rule as Properties).id);
			return { id, outputs: await get(group, id) };
		},
		async read(id, olds) {
			try {
				return await get(olds.firewallGroupId, id);
			} catch (error) {
				if ((error as Error).message.includes("Firewall rule ID not found"))
					return undefined;
				throw error;
			}
		},
		async update() {
			throw new Error("a firewall rule is never updated in place");
		},
		async delete(id, olds) {
			await saying(
				`error destroying firewall rule ${id}`,
				call("DELETE", path(olds.firewallGroupId, id)),
			);
		},
	};
}

/** The given properties under the names of the wire, in this order. */
function pick(from: Properties, names: Record<string, string>): Properties {
	const body: Properties = {};
	for (const [name, wire] of Object.entries(names))
		if (from[name] !== undefined) body[wire] = from[name];
	return body;
}
