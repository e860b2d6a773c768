import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { S3Error } from "./errors.ts";
import { equal, type Signed, sha256 } from "./sigv4.ts";

const mismatch = () =>
	new S3Error(
		400,
		"XAmzContentSHA256Mismatch",
		"The provided 'x-amz-content-sha256' header does not match what was computed.",
	);

/** The bytes that a request means, checked against what it signed. Throws at the end where they differ. */
export function payloadOf(
	request: Request,
	source: AsyncIterable<Uint8Array>,
	signed: Signed,
): AsyncIterable<Uint8Array> {
	const { payload } = signed;
	if (payload === "UNSIGNED-PAYLOAD") return source;
	if (payload.startsWith("STREAMING-")) return chunked(source, signed);
	if (/^[0-9a-f]{64}$/.test(payload)) return hashed(source, payload);
	throw new S3Error(
		400,
		"InvalidArgument",
		`x-amz-content-sha256 of ${request.method} is not valid: ${payload}`,
	);
}

async function* hashed(source: AsyncIterable<Uint8Array>, expected: string) {
	const hash = createHash("sha256");
	for await (const chunk of source) {
		hash.update(chunk);
		yield chunk;
	}
	if (hash.digest("hex") !== expected) throw mismatch();
}

/** Unwraps `aws-chunked`: `<hex size>[;chunk-signature=…]`, the bytes, and after the last chunk maybe trailers. */
async function* chunked(source: AsyncIterable<Uint8Array>, signed: Signed) {
	const isSigned = signed.payload.startsWith("STREAMING-AWS4-HMAC-SHA256");
	const reader = new Reader(source);
	let previous = signed.signature;
	let crc = 0;
	const hashes = { sha1: createHash("sha1"), sha256: createHash("sha256") };
	for (;;) {
		const [size = "", extension = ""] = (await reader.line()).split(";");
		const data = await reader.take(Number.parseInt(size, 16));
		if (isSigned) {
			const expected = signed.sign(
				[previous, sha256(""), sha256(data)],
				"AWS4-HMAC-SHA256-PAYLOAD",
			);
			if (!equal(expected, extension.replace("chunk-signature=", "")))
				throw new S3Error(
					403,
					"SignatureDoesNotMatch",
					"Signature validation failed",
				);
			previous = expected;
		}
		if (data.length === 0) break;
		crc = crc32(data, crc);
		hashes.sha1.update(data);
		hashes.sha256.update(data);
		yield data;
		await reader.line();
	}
	const crcBytes = Buffer.alloc(4);
	crcBytes.writeUInt32BE(crc);
	const known = new Map([
		["x-amz-checksum-crc32", crcBytes.toString("base64")],
		["x-amz-checksum-sha1", hashes.sha1.digest("base64")],
		["x-amz-checksum-sha256", hashes.sha256.digest("base64")],
	]);
	if (!signed.payload.endsWith("-TRAILER")) return;
	for (;;) {
		const line = await reader.line();
		if (line === "") return;
		const [name = "", ...value] = line.split(":");
		const computed = known.get(name.toLowerCase());
		if (computed !== undefined && computed !== value.join(":").trim())
			throw new S3Error(
				400,
				"BadDigest",
				`The ${name} you specified did not match the calculated checksum.`,
			);
	}
}

/** Reads lines and counted bytes from a stream. */
class Reader {
	readonly #source: AsyncIterator<Uint8Array>;
	#rest: Buffer = Buffer.alloc(0);

	constructor(source: AsyncIterable<Uint8Array>) {
		this.#source = source[Symbol.asyncIterator]();
	}

	/** The next line without its end; empty at the end of the stream. */
	async line(): Promise<string> {
		for (;;) {
			const end = this.#rest.indexOf("\r\n");
			if (end >= 0) {
				const line = this.#rest.subarray(0, end).toString("latin1");
				this.#rest = this.#rest.subarray(end + 2);
				return line;
			}
			if (!(await this.#more())) return "";
		}
	}

	async take(size: number): Promise<Buffer> {
		if (!(size >= 0)) throw incomplete();
		const parts = [this.#rest];
		let have = this.#rest.length;
		while (have < size) {
			const { done, value } = await this.#source.next();
			if (done) throw incomplete();
			parts.push(Buffer.from(value));
			have += value.length;
		}
		const all = Buffer.concat(parts);
		this.#rest = all.subarray(size);
		return all.subarray(0, size);
	}

	async #more(): Promise<boolean> {
		const { done, value } = await this.#source.next();
		if (done) return false;
		this.#rest = Buffer.concat([this.#rest, value]);
		return true;
	}
}

const incomplete = () =>
	new S3Error(400, "IncompleteBody", "The request body is not complete.");
