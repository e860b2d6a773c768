import { isUtf8 } from "node:buffer";
import type { Scalar } from "./yaml.ts";

/*
 * How a scalar is read: the rules of the reference's reader (go-yaml v3, decoding into a typed field), which are those of
 * YAML 1.1 but for sexagesimals and for booleans.
 */
type Resolved =
	| { tag: "null" | "str" | "timestamp" }
	| { tag: "bool"; value: boolean }
	| { tag: "int" | "float"; value: number };

const nulls = new Set(["", "~", "null", "Null", "NULL"]);
const booleans = new Map(
	[true, false].flatMap((value) =>
		spellings(String(value)).map((word) => [word, value] as const),
	),
);
/* Text, except where a boolean is wanted. */
const booleanWords = new Map(
	Object.entries({
		y: true,
		yes: true,
		on: true,
		n: false,
		no: false,
		off: false,
	}).flatMap(([word, value]) =>
		spellings(word).map((w) => [w, value] as const),
	),
);
const infinity = /^[-+]?\.(inf|Inf|INF)$/;
const notANumber = /^\.(nan|NaN|NAN)$/;
const timestamp =
	/^\d{4}-\d{1,2}-\d{1,2}([Tt]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?(Z|[-+]\d\d:\d\d)| \d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?)?$/;
const integers: [RegExp, number][] = [
	[/^([-+]?)0[xX]([0-9a-fA-F]+)$/, 16],
	[/^([-+]?)0[bB]([01]+)$/, 2],
	[/^([-+]?)0[oO]?([0-7]+)$/, 8],
	[/^([-+]?)(0|[1-9][0-9]*)$/, 10],
];
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;

function spellings(word: string): string[] {
	const capital = word.slice(0, 1).toUpperCase() + word.slice(1);
	return [word, capital, word.toUpperCase()];
}

/** What a scalar is by its text, style and tag; undefined if its tag does not fit its text. */
function resolve(scalar: Scalar): Resolved | undefined {
	const { tag, plain } = scalar;
	if (tag === undefined || tag === "!")
		return plain ? implicit(scalar.text) : { tag: "str" };
	if (!["null", "bool", "int", "float", "timestamp"].includes(tag))
		return { tag: "str" };
	const found = implicit(scalar.text);
	const fits = found.tag === tag || (tag === "float" && found.tag === "int");
	return fits ? found : undefined;
}

function implicit(text: string): Resolved {
	if (nulls.has(text)) return { tag: "null" };
	const boolean = booleans.get(text);
	if (boolean !== undefined) return { tag: "bool", value: boolean };
	if (infinity.test(text))
		return { tag: "float", value: text.startsWith("-") ? -Infinity : Infinity };
	if (notANumber.test(text)) return { tag: "float", value: Number.NaN };
	if (!/^[-+.0-9]/.test(text)) return { tag: "str" };
	if (timestamp.test(text)) return { tag: "timestamp" };
	const digits = text.startsWith(".") ? text : text.replaceAll("_", "");
	for (const [pattern, base] of integers) {
		const [, sign, number] = pattern.exec(digits) ?? [];
		if (number !== undefined)
			return {
				tag: "int",
				value: Number.parseInt(number, base) * (sign === "-" ? -1 : 1) + 0,
			};
	}
	return float.test(digits)
		? { tag: "float", value: Number(digits) }
		: { tag: "str" };
}

/** Absent, as a key without a value is. */
export const isNull = (scalar: Scalar): boolean =>
	resolve(scalar)?.tag === "null";

/** Any scalar is text, as it was written. */
export function readText(scalar: Scalar): string | undefined {
	if (scalar.tag === "binary") return readBinary(scalar.text);
	return resolve(scalar) && scalar.text;
}

function readBinary(text: string): string | undefined {
	const bytes = unpacked(text);
	return bytes && isUtf8(bytes) ? bytes.toString() : undefined;
}

/** Binary data that cannot be read as text. */
export function isBinary(scalar: Scalar): boolean {
	const bytes = scalar.tag === "binary" ? unpacked(scalar.text) : undefined;
	return bytes !== undefined && !isUtf8(bytes);
}

function unpacked(text: string): Buffer | undefined {
	const packed = text.replace(/[\r\n]/g, "");
	const bytes = Buffer.from(packed, "base64");
	return bytes.toString("base64") === packed ? bytes : undefined;
}

export function readBoolean(scalar: Scalar): boolean | undefined {
	const found = resolve(scalar);
	if (found?.tag === "bool") return found.value;
	return found?.tag === "str" ? booleanWords.get(scalar.text) : undefined;
}

/** 0644 is octal, as in YAML 1.1; a float is cut to its integer part. */
export function readInteger(scalar: Scalar): number | undefined {
	const found = resolve(scalar);
	if (found?.tag !== "int" && found?.tag !== "float") return undefined;
	const value = Math.trunc(found.value) + 0;
	return Number.isSafeInteger(value) ? value : undefined;
}
