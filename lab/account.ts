import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { Place } from "./place.ts";

const schema = z.object({
	vultrKey: z.string(),
	tailscaleKey: z.string(),
	b2Account: z.string(),
	b2Key: z.string(),
	connectToken: z.string(),
	discordToken: z.string(),
	anthropicKey: z.string(),
	githubToken: z.string(),
	backupPassword: z.string(),
	passphrase: z.string(),
});

/** Credentials of the lab's operator and secrets in his vault, made at random for each lab. */
export type Account = z.output<typeof schema>;

/** Opens the lab's account, or makes it. */
export function openAccount(place: Place): Account {
	const file = place.path("account.json");
	if (existsSync(file))
		return schema.parse(JSON.parse(readFileSync(file, "utf8")));
	const random = (prefix = "") => prefix + randomBytes(18).toString("hex");
	const account: Account = {
		vultrKey: random(),
		tailscaleKey: random("tskey-api-lab-"),
		b2Account: createHash("sha256").update(random()).digest("hex").slice(0, 12),
		b2Key: random("K004"),
		connectToken: random(),
		discordToken: random(),
		anthropicKey: random("sk-ant-lab-"),
		githubToken: random("ghp_lab"),
		backupPassword: random(),
		passphrase: random(),
	};
	writeFileSync(file, JSON.stringify(account, null, "\t"), { mode: 0o600 });
	return account;
}

/** Environment of the operator's shell, as docs ask for it. */
export function credentials(account: Account): Record<string, string> {
	return {
		VULTR_API_KEY: account.vultrKey,
		TAILSCALE_API_KEY: account.tailscaleKey,
		B2_APPLICATION_KEY_ID: account.b2Account,
		B2_APPLICATION_KEY: account.b2Key,
		OP_CONNECT_HOST: "https://connect.1password.lab.test",
		OP_CONNECT_TOKEN: account.connectToken,
		PULUMI_CONFIG_PASSPHRASE: account.passphrase,
	};
}

/** With it the owner of the vault edits items; the operator's own token only reads. */
export function ownerToken({ connectToken }: Account): string {
	return createHash("sha256").update(`owner ${connectToken}`).digest("hex");
}

/** What the operator's vault holds, under the titles that the settings name by default. */
export function operatorItems(secrets: {
	readonly discord: string;
	readonly anthropic: string;
	readonly github: string;
	readonly backupPassword: string;
}) {
	return [
		{ title: "Discord Bot Token", credential: secrets.discord },
		{ title: "Anthropic API Key", credential: secrets.anthropic },
		{ title: "GitHub Token - Moltbot", credential: secrets.github },
		{ title: "Moltbot Backup Password", password: secrets.backupPassword },
	];
}

/** The same account as the stand-ins know it: options by cloud. */
export function cloudAccounts(account: Account) {
	return {
		vultr: { apiKeys: [{ token: account.vultrKey }] },
		backblaze: {
			accounts: [{ accountId: account.b2Account, masterKey: account.b2Key }],
		},
		discord: { token: account.discordToken },
		anthropic: { apiKey: account.anthropicKey },
		onepassword: {
			seed: {
				vaults: [
					{
						name: "moltbot",
						items: operatorItems({
							discord: account.discordToken,
							anthropic: account.anthropicKey,
							github: account.githubToken,
							backupPassword: account.backupPassword,
						}),
					},
					{ name: "moltbot-agent" },
				],
				connectTokens: [
					{ token: account.connectToken, vaults: ["moltbot"] },
					{ token: ownerToken(account), vaults: ["moltbot"], write: true },
				],
			},
		},
	};
}
