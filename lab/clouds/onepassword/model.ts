import { z } from "zod";

const fieldSchema = z.object({
	id: z.string(),
	label: z.string(),
	type: z.string(),
	purpose: z.enum(["USERNAME", "PASSWORD", "NOTES"]).optional(),
	value: z.string(),
	section: z.object({ id: z.string(), label: z.string() }).optional(),
});

const itemSchema = z.object({
	id: z.string(),
	/** Identifier of its vault. */
	vault: z.string(),
	title: z.string(),
	category: z.string(),
	tags: z.array(z.string()),
	fields: z.array(fieldSchema),
	version: z.number().int(),
	created: z.number(),
	updated: z.number(),
});

const vaultSchema = z.object({
	id: z.string(),
	name: z.string(),
	description: z.string(),
	created: z.number(),
});

const grantSchema = z.object({
	token: z.string(),
	/** Identifiers of the vaults it sees. */
	vaults: z.array(z.string()),
	write: z.boolean(),
});

/** One 1Password account. */
export const accountSchema = z.object({
	vaults: z.array(vaultSchema),
	items: z.array(itemSchema),
	connectTokens: z.array(grantSchema),
	serviceAccounts: z.array(grantSchema),
});

export type Account = z.output<typeof accountSchema>;
export type Item = z.output<typeof itemSchema>;
export type Vault = z.output<typeof vaultSchema>;
export type Grant = z.output<typeof grantSchema>;
