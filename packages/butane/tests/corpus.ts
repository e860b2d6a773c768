import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { versions } from "../src/index.ts";
import { referenceInputs } from "./reference.ts";

export type Case = { name: string; document: Uint8Array; files?: string };

const folder = join(import.meta.dirname, "corpus");
const version = /^version: 1\.7\.0$/m;

/** The documents of `corpus/`: as they stand, and under every other version. Bytes, as some are no text. */
export function corpus(): Case[] {
	return documentsOf(folder).flatMap((name) => {
		const text = readFileSync(join(folder, name), "latin1");
		const others = version.test(text) ? Object.keys(versions) : [];
		return [...new Set(["1.7.0", ...others])].map((v) => ({
			name: `corpus/${name} as ${v}`,
			document: Buffer.from(text.replace(version, `version: ${v}`), "latin1"),
		}));
	});
}

/** The inputs of the reference's own table tests, read from the Go module cache. */
export async function tableTests(): Promise<Case[]> {
	const inputs = await referenceInputs();
	return documentsOf(inputs).map((name) => {
		const files = join(inputs, name.replace(/bu$/, "files"));
		const document = readFileSync(join(inputs, name));
		return { name, document, ...(existsSync(files) && { files }) };
	});
}

const documentsOf = (path: string): string[] =>
	readdirSync(path)
		.filter((name) => name.endsWith(".bu"))
		.sort();
