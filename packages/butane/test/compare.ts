import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import { filesDir, parse, translate } from "../src/index.ts";
import type { Answer } from "./reference.ts";

/** What the two say differently about a document, or undefined if they agree. */
export function difference(
	text: string,
	theirs: Answer,
	files?: string,
): string | undefined {
	const { document, report } = parse(text);
	const ours =
		document && translate(document, files ? { files: filesDir(files) } : {});
	const ignition = ours?.ignition ?? undefined;
	const all = [...report.problems, ...(ours?.report.problems ?? [])];
	const words = () =>
		`ours:\n${all.map((p) => `  ${p.severity} ${p.path.join(".")}: ${p.message}`).join("\n")}\ntheirs: ${theirs.error ?? "accepted"}\n${(theirs.problems ?? []).map((p) => `  ${p.severity} ${p.path}: ${p.message}`).join("\n")}`;
	if ((ignition === undefined) !== (theirs.ignition === undefined))
		return `${ignition ? "accepted, the reference refuses" : "refused, the reference accepts"}\n${words()}`;
	if (
		ignition &&
		!isDeepStrictEqual(unpacked(ignition), unpacked(theirs.ignition))
	)
		return `other output\nours:   ${JSON.stringify(unpacked(ignition))}\ntheirs: ${JSON.stringify(unpacked(theirs.ignition))}`;
	// A syntax error has no path in the reference.
	if (theirs.problems === null && theirs.error) return undefined;
	const paths = (list: { severity: string; path: string }[]) =>
		[...new Set(list.map((p) => `${p.severity} ${p.path}`))].sort().join("\n");
	// Known differences. The reference says "luks" twice in one path, and tells a JSON error of an inner configuration twice.
	const theirPaths = (theirs.problems ?? [])
		.filter(
			(p) =>
				p.path !== "$" || !/^invalid character|^unexpected end/.test(p.message),
		)
		.map((p) => ({
			...p,
			path: p.path
				.replace(/^boot_device\.luks\.luks$/, "boot_device.luks")
				// The reference loses the way back from what boot_device made.
				.replace(/^storage\.luks\.0\.clevis\.tang/, (tang) =>
					/^\s*boot_device:.*tang:/m.test(text)
						? "boot_device.luks.tang"
						: tang,
				),
		}));
	const mine = paths(
		all.map((p) => ({ severity: p.severity, path: p.path.join(".") })),
	);
	return mine === paths(theirPaths) ? undefined : `other report\n${words()}`;
}

/** Compressed bytes may differ between compressors while their content agrees: compares the content. */
function unpacked(value: unknown): unknown {
	return JSON.parse(JSON.stringify(value), (_, child) =>
		typeof child === "string" && child.startsWith("data:;base64,H4sI")
			? gunzipSync(Buffer.from(child.slice(13), "base64")).toString("base64")
			: child,
	);
}
