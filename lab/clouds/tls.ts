import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const { subtle } = globalThis.crypto;
const day = 24 * 60 * 60 * 1000;

/** A certificate with its key, both PEM. */
export interface CertificatePair {
	certificate: string;
	key: string;
}

/** The certificate authority of one lab. */
export interface LabCa {
	/** Path of the CA's certificate (PEM): what clients are told to trust. */
	readonly path: string;
	/** The CA's certificate (PEM). */
	readonly pem: string;
	/** Makes a server certificate for these names or addresses. */
	issue(names: readonly string[]): Promise<CertificatePair>;
}

/**
 * Opens the lab's certificate authority in `<stateDir>/ca`, or makes it.
 * Validity follows the machine's clock, not the lab's: clients check it with theirs.
 */
export async function openCa(stateDir: string): Promise<LabCa> {
	const dir = join(stateDir, "ca");
	const path = join(dir, "ca.pem");
	const keyPath = join(dir, "ca.key.pem");
	const stored = readPair(path, keyPath);
	const pair = stored ?? (await makeCa());
	if (!stored) {
		mkdirSync(dir, { recursive: true, mode: 0o700 });
		// The certificate last: where it exists the pair is complete.
		write(keyPath, pair.key);
		write(path, pair.certificate);
	}
	const certificate = new x509.X509Certificate(pair.certificate);
	const signingKey = await subtle.importKey(
		"pkcs8",
		x509.PemConverter.decodeFirst(pair.key),
		algorithm,
		false,
		["sign"],
	);
	return {
		path,
		pem: pair.certificate,
		async issue(names) {
			const keys = await subtle.generateKey(algorithm, true, [
				"sign",
				"verify",
			]);
			const leaf = await x509.X509CertificateGenerator.create({
				serialNumber: serialNumber(),
				// An empty CommonName would be allowed, but some clients print it.
				subject: [{ CN: [names[0] ?? "lab"] }],
				issuer: certificate.subjectName,
				notBefore: new Date(Date.now() - day),
				notAfter: new Date(Date.now() + 90 * day),
				signingKey,
				publicKey: keys.publicKey,
				signingAlgorithm: algorithm,
				extensions: [
					new x509.BasicConstraintsExtension(false, undefined, true),
					new x509.KeyUsagesExtension(
						x509.KeyUsageFlags.digitalSignature,
						true,
					),
					new x509.ExtendedKeyUsageExtension([
						x509.ExtendedKeyUsage.serverAuth,
					]),
					new x509.SubjectAlternativeNameExtension(
						names.map((value) => ({ type: isIP(value) ? "ip" : "dns", value })),
					),
					await x509.AuthorityKeyIdentifierExtension.create(certificate),
				],
			});
			return {
				certificate: leaf.toString("pem"),
				key: await exportKey(keys.privateKey),
			};
		},
	};
}

async function makeCa(): Promise<CertificatePair> {
	const keys = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
	const ca = await x509.X509CertificateGenerator.createSelfSigned({
		serialNumber: serialNumber(),
		name: "CN=Moltbot lab, O=not a real authority",
		notBefore: new Date(Date.now() - day),
		notAfter: new Date(Date.now() + 3650 * day),
		keys,
		signingAlgorithm: algorithm,
		extensions: [
			new x509.BasicConstraintsExtension(true, 0, true),
			new x509.KeyUsagesExtension(
				x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
				true,
			),
			await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
		],
	});
	return {
		certificate: ca.toString("pem"),
		key: await exportKey(keys.privateKey),
	};
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
	const der = await subtle.exportKey("pkcs8", key);
	return x509.PemConverter.encode(der, "PRIVATE KEY");
}

/** Positive and 16 bytes long, as RFC 5280 asks. */
function serialNumber(): string {
	const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
	bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
	return Buffer.from(bytes).toString("hex");
}

function readPair(path: string, keyPath: string): CertificatePair | undefined {
	try {
		return {
			certificate: readFileSync(path, "utf8"),
			key: readFileSync(keyPath, "utf8"),
		};
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

function write(path: string, text: string): void {
	writeFileSync(`${path}.new`, text, { mode: 0o600 });
	renameSync(`${path}.new`, path);
}
