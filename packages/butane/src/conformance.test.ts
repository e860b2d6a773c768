import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { text as textOf } from "node:stream/consumers";
import test from "node:test";
import { tool } from "../../../tools/setup.ts";
import { compare } from "../tests/compare.ts";
import { type Case, corpus, tableTests } from "../tests/corpus.ts";
import { examples, filesOf } from "../tests/examples.ts";
import { localFiles } from "../tests/localFiles.ts";
import { go, Reference } from "../tests/reference.ts";
import { Tally } from "../tests/tally.ts";
import { messages } from "./errors.ts";
import {
	filesDir,
	type Problem,
	parse,
	serialize,
	translate,
} from "./index.ts";

test("agrees with the reference on the examples of its documents", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const all = examples();
	assert.ok(all.length > 300, `only ${all.length} cases found`);
	const files = filesOf(all.map((example) => example.text));
	try {
		const cases = all.map(({ name, text }) => ({
			name,
			document: Buffer.from(text),
			files,
		}));
		(await compareAll(cases)).finish(t, "examples");
	} finally {
		rmSync(files, { recursive: true });
	}
});

async function compareAll(
	cases: readonly Case[],
	hear: (problems: readonly Problem[]) => void = () => {},
): Promise<Tally> {
	const reference = await Reference.start();
	const tally = new Tally();
	try {
		for (const { name, document, files } of cases) {
			const theirs = await reference.ask(document, files);
			const comparison = compare(document, theirs, files);
			hear(comparison.problems);
			tally.add(name, comparison);
		}
	} finally {
		reference.stop();
	}
	return tally;
}

test("agrees with the reference on the corpus, which has every problem in it", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const files = localFiles();
	const told: string[] = [];
	try {
		const cases = corpus().map((each) => ({ ...each, files }));
		const tally = await compareAll(cases, (problems) =>
			told.push(...problems.map((p) => p.message)),
		);
		tally.finish(t, "cases of the corpus");
	} finally {
		rmSync(files, { recursive: true });
	}
	const untold = Object.entries(messages)
		.filter(([key]) => !Object.hasOwn(toldElsewhere, key))
		.filter(([, message]) => !told.some(isOne(message)));
	assert.deepEqual(untold, []);
});

/* Problems that no small document can have, and where they are tested. */
const toldElsewhere = {
	tooLarge: "hostile.test.ts",
	tooDeep: "hostile.test.ts",
	tooManyValues: "hostile.test.ts",
	aliases: "hostile.test.ts",
	noFiles: "butane.test.ts",
	treeNoList: "butane.test.ts",
	ignitionVersion: "butane.test.ts",
};

/** Whether a message is the one of an entry of `messages`, whatever it was filled with. */
function isOne(entry: (typeof messages)[keyof typeof messages]) {
	if (typeof entry === "string") return (said: string) => said.endsWith(entry);
	const filled = (entry as (...args: unknown[]) => string)(["\0"], "\0");
	const parts = filled.split("\0");
	return (said: string) => parts.every((part) => said.includes(part));
}

test("agrees with the reference on the inputs of its own tests", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const cases = await tableTests();
	assert.ok(cases.length > 700, `only ${cases.length} inputs found`);
	(await compareAll(cases)).finish(t, "inputs");
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
