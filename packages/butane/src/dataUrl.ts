import { gzipSync } from "node:zlib";

const unreserved = new Set(
	Buffer.from(
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()",
	),
);

function percentEncode(bytes: Uint8Array): string {
	let out = "";
	for (const b of bytes)
		out += unreserved.has(b)
			? String.fromCharCode(b)
			: `%${b.toString(16).toUpperCase().padStart(2, "0")}`;
	return out;
}

/** Percent-encoding only and nothing said of compression: what version 1.0.0 does. */
export function plainDataUrl(bytes: Uint8Array): { source: string } {
	return { source: `data:,${percentEncode(bytes)}` };
}

/**
 * The smallest of percent-encoding, base64 and (unless the author compressed already) gzip.
 * `compression` is always stated, so that a child configuration cannot inherit a wrong one from its parent.
 */
export function dataUrl(
	bytes: Uint8Array,
	given: string | undefined,
	mayCompress: boolean,
): { source: string; compression: string } {
	let opaque = `,${percentEncode(bytes)}`;
	let compression = given ?? "";
	const base64 = `;base64,${Buffer.from(bytes).toString("base64")}`;
	if (base64.length < opaque.length) opaque = base64;
	if (!given && mayCompress) {
		const packed = gzipSync(bytes, { level: 9 });
		// Byte 9 names the operating system; "unknown" keeps the output the same on all of them.
		packed[9] = 0xff;
		const gzip = `;base64,${packed.toString("base64")}`;
		if (gzip.length + "gzip".length < opaque.length) {
			opaque = gzip;
			compression = "gzip";
		}
	}
	return { source: `data:${opaque}`, compression };
}
