import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { text as textOf } from "node:stream/consumers";
import test from "node:test";
import { tool } from "../../../tools/setup.ts";
import { compare } from "../tests/compare.ts";
import { examples, filesOf } from "../tests/examples.ts";
import { go, Reference } from "../tests/reference.ts";
import { Tally } from "../tests/tally.ts";
import { filesDir, parse, serialize, translate } from "./index.ts";

test("agrees with the reference on the examples of its documents", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const all = examples();
	assert.ok(all.length > 300, `only ${all.length} cases found`);
	const files = filesOf(all.map((example) => example.text));
	const reference = new Reference();
	const tally = new Tally();
	try {
		for (const { name, text } of all)
			tally.add(name, compare(text, await reference.ask(text, files), files));
	} finally {
		reference.stop();
		rmSync(files, { recursive: true });
	}
	tally.finish(t, "cases");
});

test("ignition-validate accepts all that is made of them", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const program = await tool("ignition-validate");
	const all = examples();
	const files = filesOf(all.map((example) => example.text));
	// Versions that become the same Ignition are asked about once.
	const made = new Map<string, string>();
	let count = 0;
	for (const { name, text } of all) {
		const { document } = parse(text);
		const result = document && translate(document, { files: filesDir(files) });
		if (!result?.ignition) continue;
		made.set(serialize(result.ignition), name);
		count++;
	}
	rmSync(files, { recursive: true });
	assert.ok(count > 300, `only ${count} cases accepted`);
	const waiting = [...made];
	const refused: string[] = [];
	const worker = async () => {
		for (let next = waiting.pop(); next; next = waiting.pop()) {
			const complaint = await complaintOf(program, next[0]);
			if (complaint) refused.push(`${next[1]}: ${complaint}`);
		}
	};
	await Promise.all(Array.from({ length: 4 }, worker));
	t.diagnostic(
		`${count} cases, ${made.size} different ones, ${refused.length} refused`,
	);
	assert.deepEqual(refused, []);
});

/** What ignition-validate has against a configuration. */
async function complaintOf(program: string, ignition: string) {
	const child = spawn(program, ["-"], { stdio: ["pipe", "pipe", "pipe"] });
	child.stdin.end(ignition);
	const [said, [code]] = await Promise.all([
		textOf(child.stderr),
		once(child, "exit"),
	]);
	return code === 0 ? undefined : `exit ${code}: ${said}`;
}
