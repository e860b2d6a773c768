import { createHash } from "node:crypto";
import { z } from "zod";
import { type Account, accountSchema, type Item } from "./model.ts";

const field = z.strictObject({
	/** Default: the label. */
	id: z.string().optional(),
	label: z.string(),
	value: z.string(),
	type: z.string().default("STRING"),
	purpose: z.enum(["USERNAME", "PASSWORD", "NOTES"]).optional(),
	/** Label of the section that holds it. */
	section: z.string().optional(),
});

const item = z.strictObject({
	title: z.string().min(1),
	/** Short for an API credential: its field `credential`. */
	credential: z.string().optional(),
	/** Short for a password item: its field `password`. */
	password: z.string().optional(),
	category: z.string().optional(),
	tags: z.array(z.string()).default([]),
	fields: z.array(field).default([]),
});

const grant = z.strictObject({
	token: z.string().min(1),
	/** Names of the vaults it sees. */
	vaults: z.array(z.string()),
	write: z.boolean().default(false),
});

/** The file (or object) from which an account is made on the first start. */
export const seedSchema = z.strictObject({
	vaults: z
		.array(
			z.strictObject({
				name: z.string().min(1),
				description: z.string().default(""),
				items: z.array(item).default([]),
			}),
		)
		.default([]),
	/** Tokens for Connect (`OP_CONNECT_TOKEN`). */
	connectTokens: z.array(grant).default([]),
	/** Tokens for the `op` command (`OP_SERVICE_ACCOUNT_TOKEN`); real ones begin with `ops_`. */
	serviceAccounts: z.array(grant).default([]),
});

export type Seed = z.input<typeof seedSchema>;

/** Makes the account of a seed. Identifiers follow from names, so they are the same in every run. */
export function plant(input: Seed, now: number): Account {
	const seed = seedSchema.parse(input);
	const vaultId = (name: string) => {
		if (!seed.vaults.some((vault) => vault.name === name))
			throw new Error(
				`A token names the vault "${name}"; the seed has ${seed.vaults.map((vault) => `"${vault.name}"`).join(", ") || "none"}.`,
			);
		return identifier("vault", name);
	};
	const grants = (list: typeof seed.connectTokens) =>
		list.map(({ token, vaults, write }) => ({
			token,
			write,
			vaults: vaults.map(vaultId),
		}));
	return accountSchema.parse({
		vaults: seed.vaults.map(({ name, description }) => ({
			id: vaultId(name),
			name,
			description,
			created: now,
		})),
		items: seed.vaults.flatMap((vault) =>
			vault.items.map((one) => itemOf(vault.name, one, now)),
		),
		connectTokens: grants(seed.connectTokens),
		serviceAccounts: grants(seed.serviceAccounts),
	});
}

function itemOf(
	vault: string,
	input: z.output<typeof item>,
	now: number,
): Item {
	const fields = input.fields.map(({ section, id, ...rest }) => ({
		...rest,
		id: id ?? rest.label,
		...(section === undefined
			? {}
			: { section: { id: identifier("section", section), label: section } }),
	}));
	if (input.credential !== undefined)
		fields.push({
			id: "credential",
			label: "credential",
			type: "CONCEALED",
			value: input.credential,
		});
	if (input.password !== undefined)
		fields.push({
			id: "password",
			label: "password",
			type: "CONCEALED",
			purpose: "PASSWORD",
			value: input.password,
		});
	return {
		id: identifier("item", `${vault}/${input.title}`),
		vault: identifier("vault", vault),
		title: input.title,
		category:
			input.category ??
			(input.credential !== undefined ? "API_CREDENTIAL" : "PASSWORD"),
		tags: input.tags,
		fields,
		version: 1,
		created: now,
		updated: now,
	};
}

/** 26 lower-case letters and digits, as the service's identifiers are. */
export function identifier(kind: string, name: string): string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
	const digest = createHash("sha256").update(`${kind}:${name}`).digest();
	return [...digest.subarray(0, 26)]
		.map((byte) => alphabet.charAt(byte % 32))
		.join("");
}
