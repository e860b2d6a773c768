// pulumi-resource-tailscale 0.29.1 as far as a program here uses it: auth keys and the policy. No retries and these texts: so does the
// real plugin.
import { readFileSync } from "node:fs";
import { type Plugin, type ResourceType, setting } from "../plugin.ts";
import { type Properties, secret } from "../values.ts";

const userAgent = "Pulumi/3.0 (https://www.pulumi.com) pulumi-tailscale/0.29.1";

/** The plugin over this `fetch`. */
export function tailscalePlugin(fetch: typeof globalThis.fetch): Plugin {
	return {
		name: "tailscale",
		version: "0.29.1",
		resources: {
			"tailscale:index/tailnetKey:TailnetKey": tailnetKey(caller(fetch)),
			"tailscale:index/acl:Acl": acl(caller(fetch)),
		},
	};
}

/** Tailscale's refusal, in the words of its Go client. */
class TailscaleError extends Error {
	readonly status: number;
	constructor(status: number, message: string) {
		super(`${message} (${status})`);
		this.status = status;
	}
}

type Call = (
	method: string,
	path: string,
	/** A text is sent as HuJSON, anything else as JSON. */
	body?: unknown,
	headers?: Record<string, string>,
) => Promise<Properties>;

function caller(fetch: typeof globalThis.fetch): Call {
	return async (method, path, body, headers = {}) => {
		const base = fromFile("baseUrl", "TAILSCALE_BASE_URL");
		const url = base ?? "https://api.tailscale.com";
		const tailnet = fromFile("tailnet", "TAILSCALE_TAILNET") ?? "-";
		const response = await fetch(
			`${url}/api/v2/tailnet/${encodeURIComponent(tailnet)}${path}`,
			{
				method,
				headers: {
					Authorization: await authorization(fetch, url),
					"User-Agent": userAgent,
					Accept: "application/json",
					"Content-Type":
						typeof body === "string"
							? "application/hujson"
							: "application/json",
					...headers,
				},
				...(body
					? { body: typeof body === "string" ? body : JSON.stringify(body) }
					: {}),
			},
		);
		const text = await response.text();
		const answer = text ? parse(text) : {};
		if (!response.ok)
			throw new TailscaleError(response.status, String(answer.message ?? ""));
		return answer;
	};
}

async function authorization(
	fetch: typeof globalThis.fetch,
	url: string,
): Promise<string> {
	const basic = (user: string, password: string) =>
		`Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
	const key = fromFile("apiKey", "TAILSCALE_API_KEY");
	if (key) return basic(key, "");
	const id = fromFile("oauthClientId", "TAILSCALE_OAUTH_CLIENT_ID");
	const password = fromFile(
		"oauthClientSecret",
		"TAILSCALE_OAUTH_CLIENT_SECRET",
	);
	if (!id || !password)
		throw new Error(
			"Provider credentials error: tailscale provider credentials are empty - set `api_key` or `oauth_client_id` and `oauth_client_secret`",
		);
	const response = await fetch(`${url}/api/v2/oauth/token`, {
		method: "POST",
		headers: {
			Authorization: basic(id, password),
			"User-Agent": userAgent,
			"Content-Type": "application/x-www-form-urlencoded",
		},
		body: "grant_type=client_credentials",
	});
	const answer = parse(await response.text());
	if (!response.ok)
		throw new TailscaleError(response.status, String(answer.message ?? ""));
	return `Bearer ${answer.access_token}`;
}

/** Every setting that begins with `file:` is read from disk. */
function fromFile(config: string, variable: string): string | undefined {
	const value = setting(config, variable);
	return value?.startsWith("file:")
		? readFileSync(value.slice("file:".length), "utf8").trim()
		: value;
}

function parse(text: string): Properties {
	try {
		return JSON.parse(text) as Properties;
	} catch {
		throw new Error(
			`invalid character '${text.trimStart()[0] ?? ""}' looking for beginning of value`,
		);
	}
}

async function saying<T>(what: string, call: Promise<T>): Promise<T> {
	try {
		return await call;
	} catch (error) {
		const status = (error as Partial<TailscaleError>).status;
		throw Object.assign(
			new Error(`${what}: ${(error as Error).message}`, { cause: error }),
			{ status },
		);
	}
}

function tailnetKey(call: Call): ResourceType {
	const get = async (id: string): Promise<Properties> => {
		// The real plugin quotes the id twice.
		const quoted = JSON.stringify(JSON.stringify(id));
		const what = `Failed to fetch key: Error reading tailnet key with id ${quoted}`;
		const key = await saying(what, call("GET", `/keys/${id}`));
		if (key.keyType !== "auth")
			throw new Error(`Invalid key type '${key.keyType ?? ""}'`);
		return key;
	};
	const made = (key: Properties): Properties => ({
		createdAt: key.created,
		expiresAt: key.expires,
		invalid: key.invalid ?? false,
		userId: key.userId,
	});
	const replaceOn = [
		"description",
		"reusable",
		"ephemeral",
		"tags",
		"preauthorized",
		"expiry",
	];
	return {
		inputs: [...replaceOn, "recreateIfInvalid", "userId"],
		filledIn: ["userId"],
		replaceOn,
		replaceBy({ invalid, recreateIfInvalid: rule, reusable }) {
			const recreate = rule === "always" || (reusable && rule !== "never");
			return invalid && recreate ? "id" : undefined;
		},
		async create(inputs) {
			const tags = inputs.tags as string[] | undefined;
			const body = {
				capabilities: {
					devices: {
						create: {
							reusable: inputs.reusable ?? false,
							ephemeral: inputs.ephemeral ?? false,
							tags: tags ? tags.toSorted() : null,
							preauthorized: inputs.preauthorized ?? false,
						},
					},
				},
				expirySeconds: inputs.expiry ?? 90 * 24 * 60 * 60,
				description: inputs.description ?? "",
			};
			const key = await saying(
				"Failed to create key: Error creating tailnet key",
				call("POST", "/keys", body),
			);
			return {
				id: String(key.id),
				outputs: { ...made(key), key: secret(key.key) },
			};
		},
		async read(id) {
			try {
				return made(await get(id));
			} catch (error) {
				// A key that is gone stays in the state, as invalid.
				if ((error as Partial<TailscaleError>).status === 404)
					return { invalid: true };
				throw error;
			}
		},
		async update(id) {
			return made(await get(id));
		},
		async delete(id) {
			await saying(
				`Failed to delete key: Error deleting tailnet key with id ${JSON.stringify(JSON.stringify(id))}`,
				call("DELETE", `/keys/${id}`),
			).catch((error: Partial<TailscaleError>) => {
				if (error.status !== 404) throw error;
			});
		},
	};
}

/** The policy as a whole. Where it may not overwrite, the service itself decides whether anybody has written it yet. */
function acl(call: Call): ResourceType {
	const write = async (inputs: Properties, guarded: boolean) => {
		const text = String(inputs.acl);
		await saying(
			"Failed to set ACL",
			call("POST", "/acl", text, guarded ? { "If-Match": '"ts-default"' } : {}),
		);
		return { acl: text };
	};
	return {
		inputs: ["acl", "overwriteExistingContent", "resetAclOnDestroy"],
		filledIn: [],
		replaceOn: [],
		async create(inputs) {
			const outputs = await write(inputs, !inputs.overwriteExistingContent);
			return { id: "acl", outputs };
		},
		async read() {
			await saying("Failed to fetch ACL", call("GET", "/acl"));
			return {};
		},
		async update(_id, _olds, inputs) {
			return write(inputs, false);
		},
		// It stays, unless told otherwise; nobody here tells.
		async delete() {},
	};
}
