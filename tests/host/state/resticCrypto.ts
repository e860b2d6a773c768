import { createCipheriv, createHash, randomBytes } from "node:crypto";

/** The keys of a repository, as `restic cat masterkey` prints them. */
export interface MasterKey {
	readonly mac: { readonly k: string; readonly r: string };
	readonly encrypt: string;
}

const aes = (algorithm: string, key: Buffer, iv: Buffer | null, data: Buffer) =>
	createCipheriv(algorithm, key, iv).setAutoPadding(false).update(data);

const little = (bytes: Buffer) =>
	BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);

/** Poly1305 (RFC 8439, 2.5) with r and s given. */
function poly1305(message: Buffer, r: Buffer, s: Buffer): Buffer {
	const prime = 2n ** 130n - 5n;
	const clamped = little(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
	let sum = 0n;
	for (let i = 0; i < message.length; i += 16) {
		const block = message.subarray(i, i + 16);
		sum =
			((sum + little(block) + (1n << BigInt(8 * block.length))) * clamped) %
			prime;
	}
	const tag = (sum + little(s)) % 2n ** 128n;
	return Buffer.from(tag.toString(16).padStart(32, "0"), "hex").reverse();
}

/**
 * A file as restic would write it, with its name: AES-256-CTR and Poly1305-AES
 * (https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac).
 */
export function sealed(key: MasterKey, content: object) {
	const nonce = randomBytes(16);
	const text = Buffer.from(JSON.stringify(content));
	const encrypt = Buffer.from(key.encrypt, "base64");
	const body = aes("aes-256-ctr", encrypt, nonce, text);
	const s = aes("aes-128-ecb", Buffer.from(key.mac.k, "base64"), null, nonce);
	const mac = poly1305(body, Buffer.from(key.mac.r, "base64"), s);
	const bytes = Buffer.concat([nonce, body, mac]);
	return { name: createHash("sha256").update(bytes).digest("hex"), bytes };
}
