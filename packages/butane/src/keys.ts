import { z } from "zod";
import { messages } from "./errors.ts";
import type { Places } from "./positions.ts";
import type { Path, Report } from "./report.ts";
import type { Mapping, Node } from "./yaml.ts";

/**
 * Warns of keys that nothing reads. As the reference does, it looks at the text as it was written: a merge key is a key
 * without use, and behind an alias nothing is looked at, of which it warns as well.
 */
export class KeyCheck {
	readonly #report: Report;
	readonly #places: Places;

	constructor(report: Report, places: Places) {
		this.#report = report;
		this.#places = places;
	}

	/** `read` is what was made of the node, as far as it could be read. */
	check(
		schema: z.ZodObject,
		node: Node,
		read: Readonly<Record<string, unknown>> | undefined,
		path: Path,
	): void {
		if (node.kind !== "mapping") {
			const message =
				node.kind === "alias" ? messages.aliasUnchecked : messages.nullMapping;
			// What is neither was refused when it was read.
			if (node.kind !== "sequence")
				this.#report.warn(path, message, this.#places.at(node.at));
			return;
		}
		for (const [key, { at, value }] of written(node)) {
			const here = [...path, key];
			const field = Object.hasOwn(schema.shape, key) && schema.shape[key];
			if (field) this.#field(bare(field), value, read?.[key], here);
			else
				this.#report.warn(here, messages.unusedKey(key), this.#places.at(at));
		}
	}

	#field(type: z.core.$ZodType, node: Node, read: unknown, path: Path): void {
		if (type instanceof z.ZodObject)
			this.check(type, node, fieldsOf(read), path);
		if (!(type instanceof z.ZodArray) || node.kind !== "sequence") return;
		const element = bare(type.element);
		if (!(element instanceof z.ZodObject)) return;
		const list = Array.isArray(read) ? read : undefined;
		// Entries without a value were left out when the list was read, so that it may be shorter than what is written.
		const count = list?.length ?? node.items.length;
		for (const [i, item] of node.items.slice(0, count).entries())
			this.check(element, item, fieldsOf(list?.[i]), [...path, i]);
	}
}

/* By the text of the key, where the last one counts; the name of its anchor for a key that is an alias. */
const written = (mapping: Mapping) =>
	new Map(
		mapping.pairs.flatMap(({ key, value }) =>
			key.kind === "scalar" || key.kind === "alias"
				? [[key.text, { at: key.at, value }] as const]
				: [],
		),
	);

const bare = (type: z.core.$ZodType): z.core.$ZodType =>
	type instanceof z.ZodOptional ? type.unwrap() : type;

const fieldsOf = (value: unknown) =>
	typeof value === "object" && value !== null
		? (value as Record<string, unknown>)
		: undefined;
