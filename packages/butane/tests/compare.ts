import { isDeepStrictEqual } from "node:util";
import { messages } from "../src/errors.ts";
import {
	filesDir,
	type Ignition,
	type Path,
	type Problem,
	parse,
	translate,
} from "../src/index.ts";
import { sameContents } from "./contents.ts";
import type { Answer, ReferenceProblem } from "./reference.ts";

/** What the two are known to say differently. Nothing else may differ; each is counted where it is met. */
export const knownDifferences = {
	gzip: "other bytes of compressed contents that unpack to the same (another compressor, hence also another choice where both forms are of about the same length)",
	first:
		"the reference stops at the first syntax or type error and gives it no path; here all are told, with theirs",
	lost: "the reference lost the way from its output to the document and names the place in the output; here the place in the document is named",
	luksTwice: 'the reference says "luks" twice in one path',
	binary:
		"the reference takes binary data that is no UTF-8 for a text; here it is refused and belongs into a local file",
	yaml12:
		"the reference reads YAML 1.1: it refuses \\/ in a quoted text and %YAML 1.2, and breaks lines at NEL",
	yamlStricter:
		"js-yaml keeps to the letter of YAML 1.2: a closing bracket or a tab in the place of indentation, a comment without a space before it, a colon before a comma, and %TAG are refused",
	itself:
		"an alias inside of its own anchor is refused; the reference takes it where the keys that lead to it mean nothing there",
	innerVersion:
		"where an inner configuration has no version, the reference names the place in that; here the place in the document is named",
	jsonTwice: "the reference tells a JSON error of an inner configuration twice",
} as const;

export type Known = keyof typeof knownDifferences;

export type Comparison = {
	/** What the two say differently beyond what is known; undefined if they agree. */
	difference?: string;
	known: ReadonlySet<Known>;
	/** What this library said. */
	problems: readonly Problem[];
	ignition?: Ignition;
};

/** Puts one document to this library and holds its answer against that of the reference. */
export function compare(
	text: string | Uint8Array,
	theirs: Answer,
	files?: string,
): Comparison {
	const { document, report } = parse(text);
	const ours =
		document && translate(document, files ? { files: filesDir(files) } : {});
	const ignition = ours?.ignition ?? undefined;
	const problems = [...report.problems, ...(ours?.report.problems ?? [])];
	const known = new Set<Known>();
	if (problems.some((p) => p.message === messages.binary))
		return { known: known.add("binary"), problems };
	const syntax = differentSyntax(String(text), problems, theirs, ignition);
	if (syntax) return { known: known.add(syntax), problems };
	const kind =
		differentVerdict(ignition, theirs) ??
		differentOutput(ignition, theirs.ignition, known) ??
		differentReport(problems, theirs, known);
	return {
		...(kind && { difference: `${kind}\n${both(problems, theirs)}` }),
		known,
		problems,
		...(ignition && { ignition }),
	};
}

/** What one side can read and the other cannot, or reads in another way. */
function differentSyntax(
	text: string,
	ours: readonly Problem[],
	theirs: Answer,
	ignition: Ignition | undefined,
): Known | undefined {
	const says = (pattern: RegExp) => ours.some((p) => pattern.test(p.message));
	if (ignition) {
		const refusal = /unknown escape character|incompatible YAML document/;
		const breaks = theirs.ignition !== undefined && text.includes("\u0085");
		return breaks || refusal.test(theirs.error ?? "") ? "yaml12" : undefined;
	}
	// Where the reference could not read the document either, there is nothing to tell apart.
	if (!theirs.problems && !theirs.ignition) return undefined;
	if (says(/value contains itself$/)) return "itself";
	const stricter =
		/^deficient indentation|^missed comma between flow|must be quoted$/;
	return says(stricter) || /^%TAG/m.test(text) ? "yamlStricter" : undefined;
}

function differentVerdict(
	ignition: Ignition | undefined,
	theirs: Answer,
): string | undefined {
	if (ignition && theirs.ignition === undefined)
		return "accepted, the reference refuses";
	if (!ignition && theirs.ignition !== undefined)
		return "refused, the reference accepts";
	return undefined;
}

function differentOutput(
	ours: unknown,
	theirs: unknown,
	known: Set<Known>,
): string | undefined {
	if (isDeepStrictEqual(ours, theirs)) return undefined;
	if (sameContents(ours, theirs)) {
		known.add("gzip");
		return undefined;
	}
	return `other output\nours:   ${JSON.stringify(ours)}\ntheirs: ${JSON.stringify(theirs)}`;
}

function differentReport(
	ours: readonly Problem[],
	theirs: Answer,
	known: Set<Known>,
): string | undefined {
	if (theirs.error && theirs.problems === null) {
		known.add("first");
		return undefined;
	}
	const reported = (theirs.problems ?? []).filter((problem) => {
		const twice = problem.path === "$" && isJsonError(problem.message);
		if (twice) known.add("jsonTwice");
		return !twice;
	});
	const agree = (a: Problem, b: ReferenceProblem): boolean => {
		if (a.severity !== b.severity) return false;
		const path = a.path.join(".");
		if (path === b.path) return true;
		if (
			a.message === messages.notJson &&
			b.path === "ignition.version" &&
			b.lost
		) {
			known.add("innerVersion");
			return true;
		}
		if (path === "boot_device.luks" && b.path === "boot_device.luks.luks") {
			known.add("luksTwice");
			return true;
		}
		if (!b.lost || !a.output || inDocumentSpelling(a.output) !== b.path)
			return false;
		known.add("lost");
		return true;
	};
	const same =
		ours.every((a) => reported.some((b) => agree(a, b))) &&
		reported.every((b) => ours.some((a) => agree(a, b)));
	return same ? undefined : "other report";
}

const isJsonError = (message: string): boolean =>
	/^invalid character|^unexpected end|^json: /.test(message);

const inDocumentSpelling = (path: Path): string =>
	path.join(".").replace(/MiB|[A-Z]/g, (part) => `_${part.toLowerCase()}`);

function both(ours: readonly Problem[], theirs: Answer): string {
	const line = (severity: string, path: string, message: string) =>
		`  ${severity} ${path}: ${message}`;
	return [
		"ours:",
		...ours.map((p) => line(p.severity, p.path.join("."), p.message)),
		`theirs: ${theirs.error ?? "accepted"}`,
		...(theirs.problems ?? []).map((p) =>
			line(p.severity, p.path + (p.lost ? " (lost)" : ""), p.message),
		),
	].join("\n");
}
