/** 1Password, read only: through a Connect server, or with a service account through `op`. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import type { Environment } from "../environment.ts";
import { ProviderError } from "../errors.ts";
import type { Http } from "../http.ts";
import { apis, messages, minimumOp } from "../messages.ts";

const vaultSchema = z.object({ id: z.string(), name: z.string() });
const itemSchema = z.object({
	id: z.string(),
	title: z.string(),
	/** Grows with every change of the item. */
	version: z.int(),
});
const valueSchema = z.object({
	fields: z
		.array(
			z.object({
				id: z.string(),
				purpose: z.string().optional(),
				value: z.string().optional(),
			}),
		)
		.default([]),
});

/** A vault that the credential may read. */
export type Vault = z.output<typeof vaultSchema>;
/** An item of a vault, without its fields. */
export type Item = z.output<typeof itemSchema>;

/** What one credential sees. */
export interface SecretStore {
	vaults(): Promise<Vault[]>;
	items(vaultId: string): Promise<Item[]>;
	/** Field `credential`, else `password`; empty where there is neither. */
	value(vaultId: string, itemId: string): Promise<string>;
}

/** @throws ProviderError `credential_missing`, `invalid_input`, or what `op` lacks */
export async function operatorStore(
	http: Http,
	env: Environment,
): Promise<SecretStore> {
	const token = env.OP_SERVICE_ACCOUNT_TOKEN?.trim();
	const connect = env.OP_CONNECT_TOKEN?.trim();
	const host = env.OP_CONNECT_HOST?.trim();
	if (token && connect)
		throw new ProviderError("invalid_input", messages.opBoth());
	if (token) return serviceAccountStore(token, env);
	if (connect && host) return connectStore(http, host, connect);
	if (connect || host)
		throw new ProviderError(
			"credential_missing",
			messages.opConnectHalf(host ? "OP_CONNECT_TOKEN" : "OP_CONNECT_HOST"),
		);
	throw new ProviderError("credential_missing", messages.opNoCredential());
}

function connectStore(http: Http, host: string, token: string): SecretStore {
	const get = async <T>(path: string, doing: string, schema: z.ZodType<T>) => {
		const { data } = await http.send({
			api: apis.connect,
			doing,
			method: "GET",
			url: `${host.replace(/\/+$/, "")}/v1${path}`,
			headers: { authorization: `Bearer ${token}` },
			schema,
			again: "safe",
			fault: (body) => z.object({ message: z.string() }).parse(body),
		});
		return data;
	};
	const below = (vault: string) => `/vaults/${encodeURIComponent(vault)}/items`;
	return {
		vaults: () => get("/vaults", "listing vaults", z.array(vaultSchema)),
		items: (vault) => get(below(vault), "listing items", z.array(itemSchema)),
		value: async (vault, item) =>
			secretOf(
				await get(
					`${below(vault)}/${encodeURIComponent(item)}`,
					"reading an item",
					valueSchema,
				),
			),
	};
}

/**
 * What a service account sees, through `op`. The token travels in the environment, never as an argument.
 *
 * @throws ProviderError where `op` is missing or too old
 */
export async function serviceAccountStore(
	token: string,
	env: Environment,
): Promise<SecretStore> {
	const program = env.OP_CLI_PATH?.trim() || "op";
	const op = async (...args: string[]) => {
		const { stdout } = await promisify(execFile)(program, args, {
			timeout: 30_000,
			env: {
				...env,
				OP_FORMAT: "json",
				OP_SERVICE_ACCOUNT_TOKEN: token,
				OP_CONNECT_HOST: undefined,
				OP_CONNECT_TOKEN: undefined,
			},
		});
		return stdout;
	};
	const version = await op("--version").catch(() => {
		throw new ProviderError("invalid_input", messages.opMissing(program));
	});
	if (!isNewEnough(version))
		throw new ProviderError(
			"invalid_input",
			messages.opOld(program, version.trim()),
		);
	const ask = async <T>(
		what: string,
		schema: z.ZodType<T>,
		...args: string[]
	): Promise<T> => {
		try {
			return schema.parse(JSON.parse(await op(...args)));
		} catch (error) {
			throw new ProviderError(
				"credential_refused",
				messages.opRefused(what, reasonOf(error)),
			);
		}
	};
	return {
		vaults: () => ask("listing vaults", z.array(vaultSchema), "vault", "list"),
		items: (vault) =>
			ask(
				"listing items",
				z.array(itemSchema),
				...["item", "list", `--vault=${vault}`],
			),
		value: async (vault, item) =>
			secretOf(
				await ask(
					"reading an item",
					valueSchema,
					...["item", "get", item, `--vault=${vault}`],
				),
			),
	};
}

function isNewEnough(version: string): boolean {
	const parts = (text: string) =>
		(/^\d+\.\d+\.\d+/.exec(text.trim())?.[0] ?? "0").split(".").map(Number);
	const found = parts(version);
	const [first] = parts(minimumOp)
		.map((least, i) => (found[i] ?? 0) - least)
		.filter((difference) => difference !== 0);
	return (first ?? 0) >= 0;
}

/** What `op` says, without its time stamp. */
function reasonOf(error: unknown): string {
	const { stderr = "" } = error as { stderr?: string };
	const text = stderr
		.trim()
		.replace(/^\[ERROR\] [\d/]+ [\d:]+ /, "")
		.replace(/[.\s]+$/, "");
	return text || "op gave no usable answer";
}

function secretOf({ fields }: z.output<typeof valueSchema>): string {
	const value = (wanted: (field: (typeof fields)[number]) => boolean) =>
		fields.find(wanted)?.value;
	return (
		value(({ id }) => id === "credential") ||
		value(({ purpose }) => purpose === "PASSWORD") ||
		""
	);
}
