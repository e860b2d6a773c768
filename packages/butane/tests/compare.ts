import { isDeepStrictEqual } from "node:util";
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
	jsonTwice: "the reference tells a JSON error of an inner configuration twice",
} as const;

export type Known = keyof typeof knownDifferences;

export type Comparison = {
	/** What the two say differently beyond what is known; undefined if they agree. */
	difference?: string;
	known: ReadonlySet<Known>;
	ignition?: Ignition;
};

/** Puts one document to this library and holds its answer against that of the reference. */
export function compare(
	text: string,
	theirs: Answer,
	files?: string,
): Comparison {
	const { document, report } = parse(text);
	const ours =
		document && translate(document, files ? { files: filesDir(files) } : {});
	const ignition = ours?.ignition ?? undefined;
	const problems = [...report.problems, ...(ours?.report.problems ?? [])];
	const known = new Set<Known>();
	const kind =
		differentVerdict(ignition, theirs) ??
		differentOutput(ignition, theirs.ignition, known) ??
		differentReport(problems, theirs, known);
	return {
		...(kind && { difference: `${kind}\n${both(problems, theirs)}` }),
		known,
		...(ignition && { ignition }),
	};
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
