#!/usr/bin/env node
// The command `butane`.
import process from "node:process";
import { run } from "./cli.ts";
import { maxBytes } from "./parse.ts";

/** Standard input, as far as it can matter: one byte more than is allowed is refused all the same. */
async function readInput(): Promise<Uint8Array> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of process.stdin) {
		chunks.push(chunk);
		size += chunk.length;
		if (size > maxBytes) break;
	}
	return Buffer.concat(chunks);
}

process.exitCode = await run(process.argv.slice(2), {
	readInput,
	out: (text) => process.stdout.write(text),
	error: (text) => process.stderr.write(text),
});
