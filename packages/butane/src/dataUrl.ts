import { gzipSync } from "node:zlib";

/* What stands for itself in a data URL; every other byte becomes three characters. */
const unreserved = new Uint8Array(256);
for (const byte of Buffer.from(
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()",
))
	unreserved[byte] = 1;
const hex = Buffer.from("0123456789ABCDEF");
const percent = 0x25;

/* Beyond this the best level takes long on contents made to be hard, and gains next to nothing on any other. */
const bestLevelUpTo = 1024 * 1024;
/* The head and tail of gzip alone are longer than anything shorter than this. */
const gzipFrom = 41;

function percentEncodedLength(bytes: Uint8Array): number {
	let length = 0;
	for (const byte of bytes) length += unreserved[byte] ? 1 : 3;
	return length;
}

function percentEncode(bytes: Uint8Array): string {
	const out = Buffer.allocUnsafe(percentEncodedLength(bytes));
	let at = 0;
	for (const byte of bytes) {
		if (unreserved[byte]) out[at++] = byte;
		else {
			out[at++] = percent;
			out[at++] = hex[byte >> 4] ?? 0;
			out[at++] = hex[byte & 15] ?? 0;
		}
	}
	return out.toString("latin1");
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
	const percentLength = ",".length + percentEncodedLength(bytes);
	const base64Length = base64LengthOf(bytes.length);
	const shortest = Math.min(percentLength, base64Length);
	if (!given && mayCompress && shortest >= gzipFrom) {
		const packed = gzip(bytes);
		if (base64LengthOf(packed.length) + "gzip".length < shortest)
			return { source: base64Url(packed), compression: "gzip" };
	}
	const source =
		base64Length < percentLength
			? base64Url(bytes)
			: plainDataUrl(bytes).source;
	return { source, compression: given ?? "" };
}

const base64LengthOf = (size: number): number =>
	";base64,".length + 4 * Math.ceil(size / 3);

const base64Url = (bytes: Uint8Array): string =>
	`data:;base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;

function gzip(bytes: Uint8Array): Uint8Array {
	const packed = gzipSync(bytes, {
		level: bytes.length <= bestLevelUpTo ? 9 : 6,
	});
	// Byte 9 names the operating system; "unknown" keeps the output the same on all of them.
	packed[9] = 0xff;
	return packed;
}
