import { getItem } from "@1password/pulumi-onepassword/getItem.js";
import { getVault } from "@1password/pulumi-onepassword/getVault.js";
import * as pulumi from "@pulumi/pulumi";
import { ProgramError } from "./errors.ts";
import type { Platform } from "./platforms/platform.ts";
import type { Settings } from "./settings.ts";

/** Secrets of a host by the name of their file there. Every value is a secret of the stack. */
export interface Secrets {
	/** What the agent's uid may read. */
	readonly agent: Readonly<Record<string, pulumi.Output<string>>>;
	/** What encrypts the backups; root alone reads it. */
	readonly backupPassword: pulumi.Output<string>;
}

/**
 * Reads the platform's secrets and the backup password from the operator's vault.
 * Look-ups of 1Password come back in clear, so each is wrapped here (pulumi-terraform-bridge#1051).
 * @throws ProgramError `secret-missing`, `secret-unreadable` naming vault and item.
 */
export async function readSecrets(
	platform: Platform,
	settings: Settings,
): Promise<Secrets> {
	const { operatorVault: name } = settings;
	const vault = await looked(`vault "${name}"`, getVault({ name }));
	const read = async (title: string) => {
		const item = await looked(
			`item "${title}" in vault "${name}"`,
			getItem({ vault: vault.uuid, title }),
		);
		const value = item.credential || item.password;
		if (!value)
			throw new ProgramError(
				"secret-missing",
				`1Password: item "${title}" in vault "${settings.operatorVault}" has neither a credential nor a password; put the secret into the field "credential" of an API Credential item, or "password" of a Password item.`,
			);
		return pulumi.secret(value);
	};
	const agent: Record<string, pulumi.Output<string>> = {};
	// An optional secret has no item where its setting is empty.
	for (const [name, source] of Object.entries(platform.secrets))
		if (source.from === "operator-vault" && settings[source.item] !== "")
			agent[name] = await read(settings[source.item]);
	return { agent, backupPassword: await read(settings.backupPasswordItem) };
}

/** What the plugin says of a failed look-up names neither credential nor remedy, and comes with a stack. */
async function looked<T>(what: string, lookUp: Promise<T>): Promise<T> {
	try {
		return await lookUp;
	} catch (error) {
		const said = error instanceof Error ? error.message : String(error);
		const reason = said.replace(/^.*returned an error: /s, "").trim();
		throw new ProgramError(
			"secret-unreadable",
			`1Password, reading ${what}: ${reason.replace(/\.$/, "")}. Check OP_CONNECT_HOST and OP_CONNECT_TOKEN (or OP_SERVICE_ACCOUNT_TOKEN) and HTTPS_PROXY, then run the command again.`,
		);
	}
}
