import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
	type Fcos,
	type FileSource,
	filesDir,
	parse,
	type Report,
	serialize,
	translate,
} from "@moltbot/butane";
import { ProgramError } from "./errors.ts";
import { fillIn, placeholdersOf, type Values } from "./template.ts";
import { packed } from "./userData.ts";

/** Vultr's metadata service was seen to serve 64 KiB; Ignition JSON beyond this is refused (facts: 65,508 bytes verified). */
export const maxUserDataBytes = 48 * 1024;

/** Values that differ from birth to birth of the same host and so do not count for its fingerprint. */
export const birthValues = [
	"generation",
	"joinKey",
	"beaconUrl",
	"osImage",
] as const;

/** Root of the repository: templates are named from here. */
export const repository = new URL("..", import.meta.url).pathname;

/** Reads a template and remembers which placeholders were asked for. */
class Templates implements FileSource {
	readonly asked = new Set<string>();
	readonly #files = filesDir(repository);
	readonly #values: Values;

	constructor(values: Values) {
		this.#values = values;
	}

	fill(file: string, text: string): string {
		for (const name of placeholdersOf(text)) this.asked.add(name);
		return fillIn(file, text, this.#values);
	}

	read(path: string): Uint8Array {
		const text = new TextDecoder().decode(this.#files.read(path));
		return new TextEncoder().encode(
			withoutComments(path, this.fill(path, text)),
		);
	}
}

/**
 * A script without lines that are comments alone: a quarter of user-data, and no reason for another VM when one changes. Whatever
 * language is quoted in it (jq, awk, sed) takes such a line for a comment too. Units keep theirs: they say to whoever looks at a host why.
 */
export function withoutComments(path: string, text: string): string {
	const isScript = text.startsWith("#!") || path.endsWith(".sh");
	return isScript ? text.replaceAll(/^[ \t]*#(?!!).*\n/gm, "") : text;
}

/**
 * Renders the Ignition document of a host: `butane/host.bu` and the platform's file, placeholders filled in.
 * Same values, same bytes; compressed only on the same build of zlib, so a fingerprint is made without.
 * @throws ProgramError `butane-invalid` with the report, `unused-value`, `unknown-placeholder`, `user-data-too-large`.
 */
export function renderHost(
	platformId: string,
	values: Values,
	{ compress }: { compress: boolean },
): string {
	const templates = new Templates(values);
	const document = ["host", platformId]
		.map((name) => readButane(`butane/${name}.bu`, templates))
		.reduce(merge);
	const { ignition, report } = translate(document, {
		files: templates,
		strict: true,
		compress: false,
	});
	if (ignition === null) throw invalid("butane", report);
	const unused = Object.keys(values).filter(
		(name) => !templates.asked.has(name),
	);
	if (unused.length > 0)
		throw new ProgramError(
			"unused-value",
			`No file of the host document asks for ${unused.join(", ")}; remove the value or use its placeholder.`,
		);
	const json = compress ? packed(serialize(ignition)) : serialize(ignition);
	const bytes = Buffer.byteLength(json);
	if (compress && bytes > maxUserDataBytes)
		throw new ProgramError(
			"user-data-too-large",
			`The host document has ${bytes} bytes, ${maxUserDataBytes} are allowed; move files into the delivery.`,
		);
	return json;
}

/** Hash of all that needs a new VM when it changes: the document without what is new at every birth, and the VM's own traits. */
export function fingerprintOf(
	platformId: string,
	values: Values,
	traits: Readonly<Record<string, string | number>>,
): string {
	const timeless = { ...values };
	for (const name of birthValues) timeless[name] = "";
	return createHash("sha256")
		.update(renderHost(platformId, timeless, { compress: false }))
		.update(JSON.stringify(Object.entries(traits).sort()))
		.digest("hex");
}

function readButane(path: string, templates: Templates): Fcos {
	const text = templates.fill(
		path,
		readFileSync(`${repository}${path}`, "utf8"),
	);
	const { document, report } = parse(text, { contentsLocal: true });
	if (document === null || report.fatal) throw invalid(path, report);
	return document;
}

function invalid(path: string, report: Report): ProgramError {
	return new ProgramError("butane-invalid", `${path} is not valid:\n${report}`);
}

/** Puts two documents together: sections are merged, lists appended, a value of the second wins. */
function merge<T>(first: T, second: T): T {
	if (Array.isArray(first) && Array.isArray(second))
		return [...first, ...second] as T;
	if (!isRecord(first) || !isRecord(second)) return second;
	const both: Record<string, unknown> = { ...first };
	for (const [key, value] of Object.entries(second))
		both[key] = Object.hasOwn(first, key) ? merge(first[key], value) : value;
	return both as T;
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
