// Makes the item that a checked request asks for, in the agent's vault: fill.mjs REQUEST. The value comes from the environment and goes to
// 1Password alone; neither it nor any answer that might hold it is printed. An item that exists is left alone.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient, ItemCategory, ItemFieldType } from "@1password/sdk";

const { item, kind, purpose, scope, link, until } = JSON.parse(
	readFileSync(process.argv[2] ?? "", "utf8"),
);
const { OP_SERVICE_ACCOUNT_TOKEN, CREDENTIAL_VALUE, VAULT } = process.env;
try {
	if (!OP_SERVICE_ACCOUNT_TOKEN || !VAULT)
		throw new Error(
			'The environment "credentials" needs the secret OP_WRITER_TOKEN and the variable AGENT_VAULT.',
		);
	const value =
		kind === "generated"
			? randomBytes(32).toString("base64url")
			: CREDENTIAL_VALUE;
	if (!value)
		throw new Error(
			'Enter the credential as the secret CREDENTIAL_VALUE of the environment "credentials" before you approve.',
		);
	const client = await createClient({
		auth: OP_SERVICE_ACCOUNT_TOKEN,
		integrationName: "moltbot credential request",
		integrationVersion: "v1.0.0",
	});
	const vaults = await client.vaults.list();
	const vault = vaults.find(({ title }) => title === VAULT);
	if (!vault || vaults.length > 1)
		throw new Error(
			`The writer's service account must see the vault "${VAULT}" and no other; it sees ${vaults.length}.`,
		);
	const items = await client.items.list(vault.id);
	if (items.some(({ title }) => title === item))
		throw new Error(
			`The vault has an item "${item}" already; remove it there if it is to be replaced.`,
		);
	await client.items.create({
		vaultId: vault.id,
		title: item,
		category: ItemCategory.ApiCredentials,
		fields: [
			{
				id: "credential",
				title: "credential",
				fieldType: ItemFieldType.Concealed,
				value,
			},
		],
		notes: `${purpose}\n${scope}\n${link}\nuntil ${until}`,
	});
	console.log(
		`Item "${item}" is in the vault "${VAULT}". Now delete the secret CREDENTIAL_VALUE of the environment.`,
	);
} catch (error) {
	console.error(error instanceof Error ? error.message : "1Password refused.");
	process.exitCode = 1;
}
