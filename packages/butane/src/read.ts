import { z } from "zod";
import { messages } from "./errors.ts";
import type { Places } from "./positions.ts";
import type { Path, Report } from "./report.ts";
import {
	isBinary,
	isNull,
	readBoolean,
	readInteger,
	readText,
} from "./scalars.ts";
import {
	type Mapping,
	type Node,
	type Scalar,
	target,
	YamlError,
} from "./yaml.ts";

/* Aliases multiply: more values than this are a trap. */
const maxValues = 250_000;

/** Reads a YAML tree as a schema wants it, and reports whatever does not fit; keys that it does not know are passed over. */
export class Reader {
	readonly #report: Report;
	readonly #places: Places;
	#values = 0;

	constructor(report: Report, places: Places) {
		this.#report = report;
		this.#places = places;
	}

	/**
	 * The value, or undefined where there is none or none that fits.
	 *
	 * @throws YamlError if aliases make more of the document than can be read
	 */
	read(type: z.core.$ZodType, node: Node, path: Path): unknown {
		if (++this.#values > maxValues)
			throw new YamlError(messages.aliases, node.at);
		const schema = type instanceof z.ZodOptional ? type.unwrap() : type;
		const found = target(node);
		if (found.kind === "scalar") {
			if (isNull(found)) return undefined;
			const value = readScalar(schema, found);
			if (value !== undefined) return value;
		}
		if (found.kind === "mapping" && schema instanceof z.ZodObject)
			return this.#mapping(schema, found, path);
		if (found.kind === "sequence" && schema instanceof z.ZodArray) {
			// An entry without a value is no entry, as in the reference: those after it move up.
			const out: unknown[] = [];
			for (const item of found.items) {
				const value = this.read(schema.element, item, [...path, out.length]);
				if (value !== undefined) out.push(value);
			}
			return out;
		}
		const message =
			schema instanceof z.ZodString &&
			found.kind === "scalar" &&
			isBinary(found)
				? messages.binary
				: messages.wrongType(
						shown(found),
						wanted[schema._zod.def.type] ?? "this",
					);
		this.#report.error(path, message, this.#places.at(node.at));
		return undefined;
	}

	/** `taken` are the keys that a merge may not set any more; undefined where nothing is merged. */
	#mapping(
		schema: z.ZodObject,
		mapping: Mapping,
		path: Path,
		taken?: Set<string>,
	): Record<string, unknown> {
		const out: Record<string, unknown> = {};
		const own = new Set<string>();
		let merge: Node | undefined;
		for (const { key: node, value } of mapping.pairs) {
			const keyNode = target(node);
			const key = keyNode.kind === "scalar" ? readText(keyNode) : undefined;
			if (key === undefined) {
				const message = messages.wrongType(shown(keyNode), "a key");
				this.#report.error(path, message, this.#places.at(node.at));
				continue;
			}
			const here = [...path, key];
			if (own.has(key)) {
				const message = messages.duplicateKey(key);
				this.#report.error(here, message, this.#places.at(node.at));
				continue;
			}
			own.add(key);
			if (isMerge(keyNode)) {
				merge = value;
				continue;
			}
			if (taken?.has(key)) continue;
			const field = Object.hasOwn(schema.shape, key) && schema.shape[key];
			if (!field) continue;
			const read = this.read(field, value, here);
			if (read !== undefined) out[key] = read;
		}
		for (const key of taken ? own : []) taken?.add(key);
		if (merge) this.#merge(schema, merge, path, out, taken ?? own);
		return out;
	}

	/** `<<`: a mapping, or a list of them; what is written in the mapping itself wins, then what comes first. */
	#merge(
		schema: z.ZodObject,
		merge: Node,
		path: Path,
		out: Record<string, unknown>,
		taken: Set<string>,
	): void {
		const sources = merge.kind === "sequence" ? merge.items : [merge];
		for (const source of sources) {
			if (++this.#values > maxValues)
				throw new YamlError(messages.aliases, source.at);
			const mapping = target(source);
			if (mapping.kind === "mapping")
				Object.assign(out, this.#mapping(schema, mapping, path, taken));
			else
				this.#report.error(
					[...path, "<<"],
					messages.notMergeable,
					this.#places.at(source.at),
				);
		}
	}
}

const isMerge = (key: Node): boolean =>
	key.kind === "scalar" &&
	key.text === "<<" &&
	(key.tag === undefined ? key.plain : ["!", "merge"].includes(key.tag));

function readScalar(schema: z.core.$ZodType, scalar: Scalar) {
	if (schema instanceof z.ZodBoolean) return readBoolean(scalar);
	if (schema instanceof z.ZodNumber) return readInteger(scalar);
	const textual = [z.ZodString, z.ZodLiteral, z.ZodEnum].some(
		(kind) => schema instanceof kind,
	);
	return textual ? readText(scalar) : undefined;
}

const shown = (node: Exclude<Node, { kind: "alias" }>): string =>
	node.kind === "scalar"
		? `"${node.text.slice(0, 40)}"`
		: node.kind === "mapping"
			? "a mapping"
			: "a list";

const wanted: Record<string, string> = {
	object: "a mapping",
	array: "a list",
	boolean: "a boolean",
	number: "an integer",
	string: "a string",
	literal: "a string",
	enum: "a string",
};
