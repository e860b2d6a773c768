import { z } from "zod";
import type { Properties } from "../values.ts";

/** A vault as Connect and `op` both write it. */
export const vaultSchema = z.object({
	id: z.string(),
	name: z.string(),
	description: z.string().nullish(),
});
export type Vault = z.output<typeof vaultSchema>;

/** An item as Connect and `op` both write it. */
export const itemSchema = z.object({
	id: z.string(),
	title: z.string(),
	category: z.string(),
	tags: z.array(z.string()).nullish(),
	urls: z
		.array(z.object({ href: z.string(), primary: z.boolean().optional() }))
		.nullish(),
	sections: z
		.array(z.object({ id: z.string(), label: z.string().nullish() }))
		.nullish(),
	fields: z
		.array(
			z.object({
				id: z.string(),
				type: z.string().nullish(),
				purpose: z.string().nullish(),
				label: z.string().nullish(),
				value: z.string().nullish(),
				section: z.object({ id: z.string() }).nullish(),
			}),
		)
		.nullish(),
});
export type Item = z.output<typeof itemSchema>;

/** Where vaults and items come from. */
export interface Source {
	vault(id: string): Promise<Vault>;
	vaultByName(name: string): Promise<Vault>;
	item(vault: string, id: string): Promise<Item>;
	itemByTitle(vault: string, title: string): Promise<Item>;
}

/** What getItem returns. The values are plain: the real plugin loses their secrecy too. */
export function itemOutputs(item: Item, vault: string): Properties {
	const fields = item.fields ?? [];
	const byPurpose = (purpose: string) =>
		fields.find((field) => field.purpose === purpose)?.value ?? "";
	const category = item.category.toLowerCase();
	const credential =
		category === "api_credential"
			? fields.find((field) => field.id === "credential")?.value
			: undefined;
	return {
		id: `vaults/${vault}/items/${item.id}`,
		uuid: item.id,
		vault,
		title: item.title,
		category,
		tags: item.tags ?? [],
		url: (item.urls ?? []).find((url) => url.primary)?.href ?? "",
		username: byPurpose("USERNAME"),
		password: byPurpose("PASSWORD"),
		noteValue: byPurpose("NOTES"),
		credential: credential ?? undefined,
		files: [],
		sections: (item.sections ?? []).map((section) => ({
			id: section.id,
			label: section.label ?? "",
			files: [],
			fields: fields
				.filter((field) => field.section?.id === section.id)
				.map((field) => ({
					id: field.id,
					label: field.label ?? "",
					purpose: field.purpose ?? "",
					type: field.type ?? "",
					value: field.value ?? "",
				})),
		})),
	};
}
