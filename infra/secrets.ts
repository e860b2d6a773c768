import type { Platform } from "./platforms/platform.ts";
import type { Item } from "./provider/clients/onepassword.ts";
import type { SecretReference } from "./provider/shapes.ts";
import type { Settings } from "./settings.ts";

/** Secrets of a host by the name of their file there. */
export interface Secrets {
	/** What the agent's uid may read. */
	readonly agent: Readonly<Record<string, SecretReference>>;
	/** What root alone may read. */
	readonly host: Readonly<Record<"backup-password", SecretReference>>;
}

/** A setting that names an item of the operator's vault. */
export type ItemKey = keyof Settings & `${string}Item`;

/** The settings whose items a host is given; an optional secret has no item where its setting is empty. */
export function itemKeys(
	platform: Pick<Platform, "secrets">,
	settings: Settings,
): ItemKey[] {
	const keys = Object.values(agentItems(platform, settings));
	return [...new Set<ItemKey>([...keys, "backupPasswordItem"])];
}

/** Points to every secret of a host; `find` gives the item that a setting names. */
export function secretsOf(
	platform: Pick<Platform, "secrets">,
	settings: Settings,
	vaultId: string,
	find: (key: ItemKey) => Item,
): Secrets {
	const reference = (key: ItemKey): SecretReference => {
		const { id, title, version } = find(key);
		return { vaultId, itemId: id, title, version };
	};
	return {
		agent: Object.fromEntries(
			Object.entries(agentItems(platform, settings)).map(([name, key]) => [
				name,
				reference(key),
			]),
		),
		host: { "backup-password": reference("backupPasswordItem") },
	};
}

function agentItems(
	platform: Pick<Platform, "secrets">,
	settings: Settings,
): Record<string, ItemKey> {
	return Object.fromEntries(
		Object.entries(platform.secrets).flatMap(([name, source]) =>
			source.from === "operator-vault" && settings[source.item] !== ""
				? [[name, source.item]]
				: [],
		),
	);
}
