// pulumi-resource-onepassword 1.1.3 as far as a program here uses it: the functions getVault and getItem, through a
// Connect server or, with a service account, through the `op` program.

import { type Plugin, setting } from "../plugin.ts";
import type { Properties } from "../values.ts";
import { connectSource } from "./connect.ts";
import { type Item, itemOutputs, type Source, type Vault } from "./items.ts";
import { serviceAccountSource } from "./serviceAccount.ts";

/** The plugin over this `fetch`. */
export function onepasswordPlugin(fetch: typeof globalThis.fetch): Plugin {
	return {
		name: "onepassword",
		version: "1.1.3",
		functions: {
			"onepassword:index/getVault:getVault": (args) =>
				getVault(source(fetch), args),
			"onepassword:index/getItem:getItem": (args) =>
				getItem(source(fetch), args),
		},
	};
}

function source(fetch: typeof globalThis.fetch): Source {
	const url = setting("url", "OP_CONNECT_HOST");
	const token = setting("token", "OP_CONNECT_TOKEN");
	const account = setting("serviceAccountToken", "OP_SERVICE_ACCOUNT_TOKEN");
	if (account && (url || token))
		throw new Error(
			'Config conflict: Only one of Connect credentials ("token" and "url") or Service Account ("service_account_token") credentials can be set.',
		);
	if (account)
		return serviceAccountSource(account, setting("opCliPath", "OP_CLI_PATH"));
	if (!url || !token)
		throw new Error(
			'Client init failure: Invalid provider configuration. Either Connect credentials ("token" and "url") or Service Account ("service_account_token") credentials should be set.',
		);
	return connectSource(fetch, url, token);
}

async function getVault(from: Source, args: Properties): Promise<Properties> {
	const vault: Vault = await saying("Unable to read vault", () =>
		args.uuid
			? from.vault(String(args.uuid))
			: from.vaultByName(String(args.name)),
	);
	return {
		id: `vaults/${vault.id}`,
		uuid: vault.id,
		name: vault.name,
		description: vault.description ?? "",
	};
}

async function getItem(from: Source, args: Properties): Promise<Properties> {
	const vault = String(args.vault);
	const item: Item = await saying("Unable to read item", () =>
		args.uuid
			? from.item(vault, String(args.uuid))
			: from.itemByTitle(vault, String(args.title)),
	);
	return itemOutputs(item, vault);
}

async function saying<T>(what: string, call: () => Promise<T>): Promise<T> {
	try {
		return await call();
	} catch (error) {
		throw new Error(
			`Client Error: ${what}, got error: ${(error as Error).message}`,
			{ cause: error },
		);
	}
}
