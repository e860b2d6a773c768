import { STATUS_CODES } from "node:http";
import { z } from "zod";
import {
	type Item,
	itemSchema,
	type Source,
	type Vault,
	vaultSchema,
} from "./items.ts";

/** A Connect server. Nothing is retried: the real plugin does not either. */
export function connectSource(
	fetch: typeof globalThis.fetch,
	host: string,
	token: string,
): Source {
	const get = async <S extends z.ZodType>(
		path: string,
		schema: S,
	): Promise<z.output<S>> => {
		const response = await fetch(`${host.replace(/\/+$/, "")}/v1${path}`, {
			headers: {
				Authorization: `Bearer ${token}`,
				"User-Agent": "op",
				"X-B3-Sampled": "0",
			},
		});
		if (!response.ok)
			throw new Error(
				`status ${response.status}: ${await messageOf(response)}`,
			);
		return schema.parse(await response.json());
	};
	const filter = (title: string) =>
		new URLSearchParams({ filter: `title eq "${title}"` });
	const list = z.array(z.object({ id: z.string() }));
	const source: Source = {
		vault: (id): Promise<Vault> => get(`/vaults/${id}`, vaultSchema),
		async vaultByName(name) {
			const found = await get(`/vaults?${filter(name)}`, list);
			const [only] = found;
			if (found.length !== 1 || !only)
				throw new Error(`Found ${found.length} vaults with name "${name}"`);
			return source.vault(only.id);
		},
		async item(vault, id): Promise<Item> {
			try {
				return await get(`/vaults/${vault}/items/${id}`, itemSchema);
			} catch {
				// After any error the real client takes the id for a title.
				return source.itemByTitle(vault, id);
			}
		},
		async itemByTitle(vault, title) {
			const found = await get(`/vaults/${vault}/items?${filter(title)}`, list);
			const [only] = found;
			if (found.length !== 1 || !only)
				throw new Error(
					`Found ${found.length} item(s) in vault "${vault}" with title "${title}"`,
				);
			return get(`/vaults/${vault}/items/${only.id}`, itemSchema);
		},
	};
	return source;
}

const problem = z.object({ message: z.string() });

async function messageOf(response: Response): Promise<string> {
	const text = await response.text();
	try {
		return problem.parse(JSON.parse(text)).message;
	} catch {
		return STATUS_CODES[response.status] ?? "";
	}
}
