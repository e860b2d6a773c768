import { z } from "zod";
import { messages } from "./errors.ts";
import { KeyCheck } from "./keys.ts";
import { Places, remember } from "./positions.ts";
import { Reader } from "./read.ts";
import { type Position, Report } from "./report.ts";
import { type Fcos, schemaOf } from "./schema.ts";
import { isVersion, type Version } from "./versions.ts";
import { type Node, readYaml, target, YamlError } from "./yaml.ts";

/** The largest document that `parse` reads, in bytes. */
export const maxBytes = 8 * 1024 * 1024;

export type ParseOptions = {
	/** Accept `contents_local` of units and drop-ins, which the reference knows from 1.5.0 on, in 1.4.0 too. Default false. */
	contentsLocal?: boolean;
	/** Warnings (keys that nothing reads) refuse the document too. Default false. */
	strict?: boolean;
};

/** What `parse` made of a text. */
export type Parsed = { document: Fcos | null; report: Report };

/**
 * Reads a Butane document from YAML of at most 8 MiB. Never throws, whatever the text is.
 *
 * @returns the document, and every problem with its place in the text; `document` is null where there is an error
 */
export function parse(
	yaml: string | Uint8Array,
	options: ParseOptions = {},
): Parsed {
	const report = new Report();
	const refuse = (message: string, position?: Position): Parsed => {
		report.error([], message, position);
		return { document: null, report };
	};
	if (Buffer.byteLength(yaml) > maxBytes) return refuse(messages.tooLarge);
	const text = typeof yaml === "string" ? yaml : decode(yaml);
	if (text === undefined) return refuse(messages.notUtf8);
	if (text.includes("\0")) return refuse(messages.nul);
	let root: Node | undefined;
	try {
		root = readYaml(text);
	} catch (error) {
		if (!(error instanceof YamlError)) throw error;
		const places = new Places(text, { kind: "sequence", at: 0, items: [] });
		return refuse(error.message, places.at(error.at));
	}
	if (!root) return refuse(messages.noVariant);
	const places = new Places(text, root);
	try {
		const document = readDocument(root, places, options, report);
		if (report.fatal || (options.strict && report.problems.length > 0))
			return { document: null, report };
		if (document) remember(document, places);
		return { document: document ?? null, report };
	} catch (error) {
		if (!(error instanceof YamlError)) throw error;
		return refuse(error.message, places.at(error.at));
	}
}

function decode(bytes: Uint8Array): string | undefined {
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		return undefined;
	}
}

const header = z.object({
	variant: z.string().optional(),
	version: z.string().optional(),
});

function readDocument(
	root: Node,
	places: Places,
	options: ParseOptions,
	report: Report,
): Fcos | undefined {
	const at = places.at(root.at);
	if (target(root).kind === "sequence") {
		report.error([], messages.notMapping, at);
		return undefined;
	}
	// What else is in the document is told when its version is known.
	const first = new Reader(new Report(), places).read(header, root, []);
	const { variant = "", version = "" } = (first ?? {}) as z.infer<
		typeof header
	>;
	const known = checkVersion(variant, version, report);
	if (!known) return undefined;
	const schema = schemaOf(known, options.contentsLocal ?? false);
	const document = new Reader(report, places).read(schema, root, []);
	new KeyCheck(report, places).check(schema, root, document as Fcos, []);
	return document as Fcos | undefined;
}

function checkVersion(
	variant: string,
	version: string,
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
	return problem === undefined && isVersion(version) ? version : undefined;
}
