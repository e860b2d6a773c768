import type { Platform } from "../platforms/platform.ts";
import {
	type Item,
	operatorStore,
	type SecretStore,
	serviceAccountStore,
	type Vault,
} from "../provider/clients/onepassword.ts";
import type { Environment } from "../provider/environment.ts";
import { ProviderError } from "../provider/errors.ts";
import type { Http } from "../provider/http.ts";
import { type ItemKey, itemKeys, type Secrets, secretsOf } from "../secrets.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fault, warning } from "./finding.ts";
import { texts } from "./texts.ts";

/** What 1Password says. */
export interface OnepasswordReport {
	readonly findings: readonly Finding[];
	/** Where the host's secrets are; absent where something is wrong with one. */
	readonly secrets?: Secrets;
}

/** The operator's credential, its vault and items, and that the agent's token does not reach them. */
export async function askOnepassword(
	http: Http,
	env: Environment,
	platform: Pick<Platform, "secrets">,
	settings: Settings,
): Promise<OnepasswordReport> {
	const store = await operatorStore(http, env);
	const vaults = await store.vaults();
	const name = settings.operatorVault;
	const [vault, ...twins] = vaults.filter((one) => one.name === name);
	if (!vault) {
		const seen = vaults.map((one) => one.name);
		return { findings: [fault(texts.vaultMissing(name, seen))] };
	}
	if (twins.length > 0)
		return { findings: [fault(texts.vaultTwice(name, twins.length + 1))] };
	const items = await store.items(vault.id);
	const found = new Map<ItemKey, FoundItem>();
	const findings = await Promise.all(
		itemKeys(platform, settings).map(async (key) => {
			const fitting = items.filter(({ title }) => title === settings[key]);
			const [item, ...more] = fitting;
			if (!item)
				return fault(texts.itemMissing(key, settings[key], vault.name));
			if (more.length > 0)
				return fault(texts.itemTwice(key, item.title, fitting.length));
			const value = await store.value(vault.id, item.id);
			found.set(key, { ...item, value });
			return valueFinding(key, item.title, value);
		}),
	);
	const faults = findings.filter((finding) => finding !== undefined);
	if (faults.length > 0) return { findings: faults };
	const token = found.get("agentTokenItem")?.value.trim();
	return {
		findings: token ? await agentFindings(token, vault, settings, env) : [],
		secrets: secretsOf(platform, settings, vault.id, (key) => {
			const item = found.get(key);
			if (!item) throw new Error(`${key} was not looked for`);
			return item;
		}),
	};
}

type FoundItem = Item & { readonly value: string };

/** A secret travels as one line of text. */
function valueFinding(
	key: ItemKey,
	title: string,
	value: string,
): Finding | undefined {
	if (value.trim() === "") return fault(texts.itemEmpty(key, title));
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
	if (/[\x00-\x1f]/.test(value)) return fault(texts.itemLines(key, title));
	return undefined;
}

/** Judges the agent's own token by what it opens. */
async function agentFindings(
	token: string,
	vault: Vault,
	{ agentTokenItem: title, agentVault, sharedVault }: Settings,
	env: Environment,
): Promise<Finding[]> {
	if (sharedVault !== "") return [];
	const own = [env.OP_SERVICE_ACCOUNT_TOKEN, env.OP_CONNECT_TOKEN];
	if (own.some((value) => value?.trim() === token))
		return [fault(texts.agentTokenIsOurs(title))];
	let store: SecretStore;
	try {
		store = await serviceAccountStore(token, env);
	} catch (error) {
		// An operator with Connect needs no `op`.
		if (error instanceof ProviderError)
			return [warning(texts.agentUnchecked())];
		throw error;
	}
	let seen: Vault[];
	try {
		seen = await store.vaults();
	} catch (error) {
		if (error instanceof ProviderError)
			return [fault(texts.agentTokenRefused(title))];
		throw error;
	}
	if (seen.some(({ id }) => id === vault.id))
		return [fault(texts.agentSeesOperator(title, vault.name))];
	return seen.some(({ name }) => name === agentVault)
		? []
		: [fault(texts.agentLacksVault(title, agentVault))];
}
