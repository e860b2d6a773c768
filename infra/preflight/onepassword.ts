import type { Platform } from "../platforms/platform.ts";
import type { Environment } from "../provider/environment.ts";
import { ProviderError } from "../provider/errors.ts";
import type { Http } from "../provider/http.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fault, warning } from "./finding.ts";
import {
	type Item,
	operatorStore,
	type SecretStore,
	serviceAccountStore,
	type Vault,
} from "./secretStore.ts";
import { texts } from "./texts.ts";

type ItemKey = keyof Settings & `${string}Item`;

/** The operator's credential, its vault and items, and that the agent's token does not reach them. */
export async function onepasswordFindings(
	http: Http,
	env: Environment,
	platform: Pick<Platform, "secrets">,
	settings: Settings,
): Promise<Finding[]> {
	const store = await operatorStore(http, env);
	const vaults = await store.vaults();
	const name = settings.operatorVault;
	const [vault, ...twins] = vaults.filter((one) => one.name === name);
	if (!vault) {
		const seen = vaults.map((one) => one.name);
		return [fault(texts.vaultMissing(name, seen))];
	}
	if (twins.length > 0)
		return [fault(texts.vaultTwice(name, twins.length + 1))];
	const items = await store.items(vault.id);
	const findings = itemKeys(platform).flatMap((key) =>
		itemFindings(key, settings, items),
	);
	const token = items.find(({ title }) => title === settings.agentTokenItem);
	if (!token || findings.length > 0) return findings;
	return agentFindings(
		(await store.value(vault.id, token.id)).trim(),
		vault,
		settings,
		env,
	);
}

/** The settings that name an item of the operator's vault. */
function itemKeys(platform: Pick<Platform, "secrets">): ItemKey[] {
	const keys = Object.values(platform.secrets).flatMap((source) =>
		source.from === "operator-vault" ? [source.item] : [],
	);
	return [...new Set<ItemKey>([...keys, "backupPasswordItem"])];
}

function itemFindings(
	key: ItemKey,
	settings: Settings,
	items: readonly Item[],
): Finding[] {
	const title = settings[key];
	// An optional secret has no item where its setting is empty.
	if (title === "") return [];
	const { length } = items.filter((item) => item.title === title);
	if (length === 0)
		return [fault(texts.itemMissing(key, title, settings.operatorVault))];
	return length > 1 ? [fault(texts.itemTwice(key, title, length))] : [];
}

/** Judges the agent's own token by what it opens. */
async function agentFindings(
	token: string,
	vault: Vault,
	{ agentTokenItem: title, agentVault, sharedVault }: Settings,
	env: Environment,
): Promise<Finding[]> {
	if (token === "") return [fault(texts.agentTokenEmpty(title))];
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
