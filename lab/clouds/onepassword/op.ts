/**
 * What `op` does here: `--version`, `whoami`, `vault list|get`, `item list|get`, `read`. Output, wording and exit codes
 * follow the real command with OP_SERVICE_ACCOUNT_TOKEN; one of another kind is refused as the real one refuses it.
 */
import { parseArgs } from "node:util";

const server = "https://service-accounts.1password.lab.test";

/** A failure in the command's own words. */
class OpError extends Error {}

interface Vault {
	id: string;
	name: string;
	attributeVersion: number;
	contentVersion: number;
	items: number;
	type: string;
	createdAt: string;
	updatedAt: string;
}
interface Field {
	id: string;
	type: string;
	purpose?: string;
	label: string;
	value: string;
	section?: { id: string; label: string };
}
interface Summary {
	id: string;
	title: string;
	version: number;
	vault: { id: string };
	category: string;
	tags: string[];
	lastEditedBy: string;
	createdAt: string;
	updatedAt: string;
}
interface Item extends Summary {
	sections: { id: string; label: string }[];
	fields: Field[];
}

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		version: { type: "boolean", short: "v" },
		vault: { type: "string" },
		format: { type: "string" },
		fields: { type: "string" },
		reveal: { type: "boolean" },
		"no-newline": { type: "boolean", short: "n" },
	},
});
const json = (values.format ?? process.env.OP_FORMAT) === "json";

try {
	process.stdout.write(await run());
} catch (error) {
	const now = new Date();
	const two = (n: number) => String(n).padStart(2, "0");
	const stamp = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
	const text =
		error instanceof OpError
			? error.message
			: `couldn't reach the server: ${(error as Error).message}`;
	process.stderr.write(`[ERROR] ${stamp} ${text}\n`);
	process.exitCode = 1;
}

async function run(): Promise<string> {
	if (values.version) return "2.30.0\n";
	const [noun = "", verb = "", name = ""] = positionals;
	const command =
		noun === "read" || noun === "whoami" ? noun : `${noun} ${verb}`;
	switch (command) {
		case "whoami":
			await vaults();
			return show(
				{ url: "https://my.1password.com", user_type: "SERVICE_ACCOUNT" },
				"URL:          https://my.1password.com\nUser Type:    SERVICE_ACCOUNT",
			);
		case "vault list": {
			const list = (await vaults()).map(({ id, name, contentVersion }) => ({
				id,
				name,
				content_version: contentVersion,
			}));
			return show(
				list,
				[
					"ID                            NAME",
					...list.map((one) => `${one.id}    ${one.name}`),
				].join("\n"),
			);
		}
		case "vault get": {
			const vault = await findVault(name);
			return show(
				{
					id: vault.id,
					name: vault.name,
					attribute_version: vault.attributeVersion,
					content_version: vault.contentVersion,
					items: vault.items,
					type: vault.type,
					created_at: vault.createdAt,
					updated_at: vault.updatedAt,
				},
				`ID:       ${vault.id}\nName:     ${vault.name}\nItems:    ${vault.items}`,
			);
		}
		case "item list": {
			const wanted = values.vault
				? [await findVault(values.vault)]
				: await vaults();
			const lists = await Promise.all(
				wanted.map(async (vault) =>
					(await items(vault)).map((item) => summary(item, vault)),
				),
			);
			const list = lists.flat();
			return show(
				list,
				[
					"ID                            TITLE",
					...list.map((one) => `${one.id}    ${one.title}`),
				].join("\n"),
			);
		}
		case "item get":
			return itemGet(name);
		case "read":
			return read(verb);
		default:
			throw new OpError(`unknown command "${positionals.join(" ")}" for "op"`);
	}
}

async function itemGet(query: string): Promise<string> {
	// A service account has to name the vault.
	if (!values.vault)
		throw new OpError(
			"a vault query must be provided when this command is called by a service account. Please specify one through the --vault flag or through piped input",
		);
	const vault = await findVault(values.vault);
	const item = await findItem(vault, query);
	if (values.fields !== undefined) {
		const wanted = values.fields.replace(/^label=/, "");
		const field = item.fields.find(
			(one) => one.label === wanted || one.id === wanted,
		);
		if (!field)
			throw new OpError(
				`"${wanted}" isn't a field in the "${item.title}" item.`,
			);
		return show(viewField(field, item, vault), field.value);
	}
	return show(
		{
			...summary(item, vault),
			sections: item.sections,
			fields: item.fields.map((field) => viewField(field, item, vault)),
		},
		[
			`ID:          ${item.id}`,
			`Title:       ${item.title}`,
			`Vault:       ${vault.name} (${vault.id})`,
			"Fields:",
			...item.fields.map((field) => {
				const hidden = field.type === "CONCEALED" && !values.reveal;
				return `  ${field.label}:    ${hidden ? `[use 'op item get ${item.id} --reveal' to reveal]` : field.value}`;
			}),
		].join("\n"),
	);
}

/** `op read op://vault/item/[section/]field`. */
async function read(reference: string): Promise<string> {
	const parts = /^op:\/\/([^/]+)\/([^/]+)\/(?:([^/]+)\/)?([^/]+)$/.exec(
		reference,
	);
	if (!parts)
		throw new OpError(
			`could not read secret '${reference}': invalid secret reference`,
		);
	const [, vaultName = "", itemName = "", section, fieldName] = parts;
	const item = await findItem(await findVault(vaultName), itemName);
	const field = item.fields.find(
		(one) =>
			(one.label === fieldName || one.id === fieldName) &&
			(section === undefined ||
				one.section?.label === section ||
				one.section?.id === section),
	);
	if (!field)
		throw new OpError(
			`could not read secret '${reference}': item '${vaultName}/${itemName}' does not have a field '${fieldName}'`,
		);
	return values["no-newline"] ? field.value : `${field.value}\n`;
}

function vaults(): Promise<Vault[]> {
	return ask("/v1/vaults");
}

function items(vault: Vault): Promise<Summary[]> {
	return ask(`/v1/vaults/${vault.id}/items`);
}

async function findVault(query: string): Promise<Vault> {
	const found = (await vaults()).find(
		(one) => one.id === query || one.name === query,
	);
	if (!found)
		throw new OpError(
			`"${query}" isn't a vault in this account. Specify the vault with its ID or name.`,
		);
	return found;
}

async function findItem(vault: Vault, query: string): Promise<Item> {
	const matching = (await items(vault)).filter(
		(one) => one.id === query || one.title === query,
	);
	const [first, second] = matching;
	if (!first)
		throw new OpError(
			`"${query}" isn't an item in the "${vault.id}" vault. Specify the item with its UUID, name, or domain.`,
		);
	if (second)
		throw new OpError(
			`More than one item matches "${query}". Try again and specify the item by its ID:\n${matching.map((one) => `\t* for the item "${one.title}" in vault ${vault.name}: ${one.id}`).join("\n")}`,
		);
	return ask(`/v1/vaults/${vault.id}/items/${first.id}`);
}

async function ask<T>(path: string): Promise<T> {
	const token = process.env.OP_SERVICE_ACCOUNT_TOKEN;
	if (!token)
		throw new OpError(
			"No accounts configured for use with 1Password CLI. Set OP_SERVICE_ACCOUNT_TOKEN to use a service account.",
		);
	const response = await fetch(server + path, {
		headers: { authorization: `Bearer ${token}` },
		signal: AbortSignal.timeout(30_000),
	});
	if (response.ok) return (await response.json()) as T;
	if (response.status === 401)
		throw new OpError(
			"Signin credentials are not compatible with the provided user auth from server",
		);
	if (response.status === 429)
		throw new OpError(
			"Too many requests. Your client has been rate-limited. Try again in a few seconds",
		);
	throw new OpError(`(${response.status}) ${response.statusText}`);
}

function summary(item: Summary, vault: Vault) {
	return {
		id: item.id,
		title: item.title,
		...(item.tags.length > 0 ? { tags: item.tags } : {}),
		version: item.version,
		vault: { id: vault.id, name: vault.name },
		category: item.category,
		last_edited_by: item.lastEditedBy,
		created_at: item.createdAt,
		updated_at: item.updatedAt,
	};
}

function viewField(field: Field, item: Item, vault: Vault) {
	return {
		id: field.id,
		...(field.section ? { section: field.section } : {}),
		type: field.type,
		...(field.purpose ? { purpose: field.purpose } : {}),
		label: field.label,
		value: field.value,
		reference: `op://${vault.name}/${item.title}/${field.label}`,
	};
}

function show(value: unknown, text: string): string {
	return json ? `${JSON.stringify(value, null, 2)}\n` : `${text}\n`;
}
