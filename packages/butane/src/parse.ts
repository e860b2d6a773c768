import {
	type Document,
	isAlias,
	isMap,
	isScalar,
	isSeq,
	LineCounter,
	type Node,
	parseDocument,
	type YAMLMap,
} from "yaml";
import { z } from "zod";
import { messages } from "./errors.ts";
import { type Positions, pathKey, remember } from "./positions.ts";
import { type Path, type Position, Report } from "./report.ts";
import { isNull, readBoolean, readInteger } from "./scalars.ts";
import { type Fcos, schemaOf } from "./schema.ts";
import { isVersion, type Version } from "./versions.ts";

export const maxBytes = 8 * 1024 * 1024;
/* Aliases multiply: this many values is far beyond 8 MiB of honest text. */
const maxValues = 1_000_000;

export type ParseOptions = {
	/** Accept `contents_local` of units and drop-ins, which the reference knows from 1.5.0 on, in 1.4.0 too. Default false. */
	contentsLocal?: boolean;
	/** Warnings (keys that nothing reads) refuse the document too. Default false. */
	strict?: boolean;
};

type Read = { document: Fcos | null; report: Report };

/** Reads a Butane document. Never throws; `document` is null if it is too damaged to be translated. */
export function parse(
	yaml: string | Uint8Array,
	options: ParseOptions = {},
): Read {
	const report = new Report();
	const refuse = (message: string, position?: Position): Read => {
		report.error([], message, position);
		return { document: null, report };
	};
	if (Buffer.byteLength(yaml) > maxBytes) return refuse(messages.tooLarge);
	let text: string;
	try {
		text =
			typeof yaml === "string"
				? yaml
				: new TextDecoder("utf-8", { fatal: true }).decode(yaml);
	} catch {
		return refuse(messages.notUtf8);
	}
	try {
		return readDocument(text, options, report);
	} catch (error) {
		// A document nested thousands deep exhausts the reader's stack; a clear refusal, as for any other syntax error.
		return refuse(
			error instanceof RangeError
				? messages.tooDeep
				: error instanceof Error
					? error.message
					: String(error),
		);
	}
}

function readDocument(
	text: string,
	options: ParseOptions,
	report: Report,
): Read {
	const lineCounter = new LineCounter();
	const parsed = parseDocument(text, {
		lineCounter,
		schema: "failsafe",
		uniqueKeys: false,
		prettyErrors: false,
		logLevel: "silent",
	});
	const at = (offset: number): Position => {
		const { line, col } = lineCounter.linePos(offset);
		return { line, column: col };
	};
	// Only the first document counts, as in the reference.
	for (const error of parsed.errors)
		if (error.code !== "MULTIPLE_DOCS")
			report.error([], error.message, at(error.pos[0]));
	if (report.fatal) return { document: null, report };

	const reader = new Reader(parsed, report, at);
	const header = reader.header();
	const version = header && checkVersion(header, report);
	if (!version) return { document: null, report };
	const schema = schemaOf(version, options.contentsLocal ?? false);
	const document = reader.read(schema, parsed.contents, []) as Fcos;
	if (report.fatal || (options.strict && report.problems.length > 0))
		return { document: null, report };
	remember(document, reader.positions);
	return { document, report };
}

function checkVersion(
	{ variant, version }: { variant: string; version: string },
	report: Report,
): Version | undefined {
	const problem = !variant
		? messages.noVariant
		: !/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version)
			? messages.invalidVersion
			: variant !== "fcos" || !isVersion(version)
				? messages.unknownVersion(variant, version)
				: undefined;
	if (problem) report.error([variant ? "version" : "variant"], problem);
	return !problem && isVersion(version) ? version : undefined;
}

/** Walks YAML nodes and a schema side by side: the schema says what a scalar is to be read as. */
class Reader {
	readonly positions: Positions = new Map();
	readonly #document: Document;
	readonly #report: Report;
	readonly #at: (offset: number) => Position;
	#values = 0;

	constructor(
		document: Document,
		report: Report,
		at: (offset: number) => Position,
	) {
		this.#document = document;
		this.#report = report;
		this.#at = at;
	}

	header(): { variant: string; version: string } | undefined {
		const root = this.#document.contents;
		if (!isNull(root) && !isMap(root)) {
			this.#report.error([], messages.notMapping, { line: 1, column: 1 });
			return undefined;
		}
		const field = (key: string): string => {
			const value = isMap(root) ? root.get(key) : undefined;
			return typeof value === "string" ? value : "";
		};
		return { variant: field("variant"), version: field("version") };
	}

	read(type: z.core.$ZodType, raw: unknown, path: Path): unknown {
		if (++this.#values > maxValues) throw new Error(messages.aliases);
		const node = (
			isAlias(raw) ? raw.resolve(this.#document) : raw
		) as Node | null;
		if (isNull(node) || !node) return undefined;
		const position = this.#at((raw as Node).range?.[0] ?? 0);
		if (!this.positions.has(pathKey(path)))
			this.positions.set(pathKey(path), position);
		const schema = type instanceof z.ZodOptional ? type.unwrap() : type;
		if (schema instanceof z.ZodObject && isMap(node))
			return this.#object(schema, node, path);
		if (schema instanceof z.ZodArray && isSeq(node)) {
			// A null entry is no entry, as in the reference: those after it move up.
			const out: unknown[] = [];
			for (const item of node.items) {
				const value = this.read(schema.element, item, [...path, out.length]);
				if (value !== undefined) out.push(value);
			}
			return out;
		}
		if (isScalar(node)) {
			const value =
				schema instanceof z.ZodBoolean
					? readBoolean(node)
					: schema instanceof z.ZodNumber
						? readInteger(node)
						: textual.some((kind) => schema instanceof kind)
							? String(node.value)
							: undefined;
			if (value !== undefined) return value;
		}
		const found = isMap(node)
			? "a mapping"
			: isSeq(node)
				? "a list"
				: `"${String((node as { value?: unknown }).value).slice(0, 40)}"`;
		this.#report.error(
			path,
			messages.wrongType(found, wanted[schema._zod.def.type] ?? "this field"),
			position,
		);
		return undefined;
	}

	#object(schema: z.ZodObject, map: YAMLMap, path: Path): object {
		const out: Record<string, unknown> = {};
		const seen = new Set<string>();
		for (const pair of map.items) {
			const keyNode = pair.key as Node | null;
			const key = isScalar(keyNode) ? String(keyNode.value) : "";
			const here = [...path, key];
			const position = this.#at(keyNode?.range?.[0] ?? 0);
			if (seen.has(key)) {
				this.#report.error(here, messages.duplicateKey(key), position);
				continue;
			}
			seen.add(key);
			if (key === "<<") continue;
			const field = Object.hasOwn(schema.shape, key)
				? schema.shape[key]
				: undefined;
			if (!field) {
				this.#report.warn(here, messages.unusedKey(key), position);
				continue;
			}
			this.positions.set(pathKey(here), position);
			const value = this.read(field, pair.value, here);
			if (value !== undefined) out[key] = value;
		}
		return this.#merge(schema, map, path, out, seen);
	}

	/** `<<`: a mapping, or a list of them; what is written in the mapping itself wins. */
	#merge(
		schema: z.ZodObject,
		map: YAMLMap,
		path: Path,
		out: Record<string, unknown>,
		seen: Set<string>,
	): object {
		const pair = map.items.find((p) => isScalar(p.key) && p.key.value === "<<");
		if (!pair) return out;
		const sources = isSeq(pair.value) ? pair.value.items : [pair.value];
		for (const source of sources) {
			const merged = this.read(schema, source, path);
			if (typeof merged !== "object" || merged === null) continue;
			for (const [key, value] of Object.entries(merged))
				if (!seen.has(key)) {
					seen.add(key);
					out[key] = value;
				}
		}
		return out;
	}
}

const textual = [z.ZodString, z.ZodLiteral, z.ZodEnum];

const wanted: Record<string, string> = {
	object: "a mapping",
	array: "a list",
	boolean: "a boolean",
	number: "an integer",
	string: "a string",
	literal: "a string",
	enum: "a string",
};
