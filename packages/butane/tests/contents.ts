import { gunzipSync } from "node:zlib";
import { isFields } from "../src/merge.ts";

/** Equal but for contents which at least one side compressed and which unpack to the same bytes. */
export function sameContents(ours: unknown, theirs: unknown): boolean {
	if (Array.isArray(ours) && Array.isArray(theirs))
		return (
			ours.length === theirs.length &&
			ours.every((item, i) => sameContents(item, theirs[i]))
		);
	if (!isFields(ours) || !isFields(theirs)) return ours === theirs;
	const keys = Object.keys(ours);
	if (
		keys.length !== Object.keys(theirs).length ||
		!keys.every((key) => Object.hasOwn(theirs, key))
	)
		return false;
	const packed = [ours, theirs].some((side) => side.compression === "gzip");
	const unpacked = packed && aboutAsLong(ours, theirs) && unpack(ours);
	const same = unpacked && unpack(theirs)?.equals(unpacked);
	return keys
		.filter((key) => !same || (key !== "source" && key !== "compression"))
		.every((key) => sameContents(ours[key], theirs[key]));
}

const aboutAsLong = (a: { source?: unknown }, b: { source?: unknown }) =>
	Math.abs(String(a.source).length - String(b.source).length) <
	16 + 0.05 * String(b.source).length;

/** The contents of a resource with a data URL; undefined for every other object. */
export function unpack(
	resource: Readonly<Record<string, unknown>>,
): Buffer | undefined {
	const { source, compression } = resource;
	const [, base64, data] =
		/^data:(;base64)?,(.*)$/s.exec(typeof source === "string" ? source : "") ??
		[];
	if (data === undefined) return undefined;
	const bytes = base64
		? Buffer.from(data, "base64")
		: Buffer.from(decodeURIComponent(data));
	try {
		return compression === "gzip" ? gunzipSync(bytes) : bytes;
	} catch {
		// What the author called gzip without its being so.
		return undefined;
	}
}
