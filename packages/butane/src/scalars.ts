import { isScalar, type Node, Scalar } from "yaml";

/* The scalar rules of the reference's reader (go-yaml v3, decoding into a typed field). */
const nulls = new Set(["", "~", "null", "Null", "NULL"]);
const trues = new Set(["true", "True", "TRUE", "y", "Y", "yes", "on"]);
const falses = new Set(["false", "False", "FALSE", "n", "N", "no", "off"]);
const float = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const integers: [RegExp, number][] = [
	[/^([-+]?)0[xX]([0-9a-fA-F]+)$/, 16],
	[/^([-+]?)0[bB]([01]+)$/, 2],
	[/^([-+]?)0[oO]?([0-7]+)$/, 8],
	[/^([-+]?)(0|[1-9][0-9]*)$/, 10],
];

const plain = (node: Scalar): boolean =>
	node.type === undefined || node.type === Scalar.PLAIN;

/** Null, as an absent value is: an omitted node, or a plain null word. */
export function isNull(node: Node | null | undefined): boolean {
	if (node === null || node === undefined) return true;
	return isScalar(node) && plain(node) && nulls.has(String(node.value ?? ""));
}

export function readBoolean(node: Scalar): boolean | undefined {
	const text = String(node.value);
	if (trues.has(text)) return true;
	if (falses.has(text)) return false;
	return undefined;
}

/** 0644 is octal, as in YAML 1.1; a float is cut to its integer part. */
export function readInteger(node: Scalar): number | undefined {
	if (!plain(node)) return undefined;
	const text = String(node.value).replaceAll("_", "");
	for (const [pattern, base] of integers) {
		const [, sign, digits] = pattern.exec(text) ?? [];
		if (digits === undefined) continue;
		const value = Number.parseInt(digits, base) * (sign === "-" ? -1 : 1);
		return Number.isSafeInteger(value) ? value + 0 : undefined;
	}
	return float.test(text) ? Math.trunc(Number(text)) : undefined;
}
