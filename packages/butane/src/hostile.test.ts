import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { cases, type Measurement } from "../tests/hostile.ts";
import { maxBytes, parse } from "./index.ts";

/*
 * Promised are a second and 300 MB, Node itself included; budgets of the library keep them. Counted is processor time, not
 * time on the wall, and double of it is allowed: neighbours on the same cores slow a process down without its doing more.
 */
const seconds = 2;
const megabytes = 300;

const program = join(import.meta.dirname, "../tests/hostile.ts");

for (const [name, { says }] of Object.entries(cases))
	test(`hostile: ${name}`, (t) => {
		const result: Measurement = JSON.parse(
			execFileSync(process.execPath, [program, name], { encoding: "utf8" }),
		);
		t.diagnostic(
			`${(result.bytes / 2 ** 20).toFixed(2)} MiB in ${result.cpuSeconds.toFixed(2)} s and ${result.megabytes.toFixed(0)} MB: ${result.accepted ? "accepted" : result.first}`,
		);
		if (says) assert.match(result.first, says);
		else assert.ok(result.accepted, result.first);
		assert.ok(result.cpuSeconds < seconds, `took ${result.cpuSeconds} s`);
		assert.ok(result.megabytes < megabytes, `took ${result.megabytes} MB`);
	});

test("a document above 8 MiB is refused by its size, before it is read", () => {
	// Reading it would find the variant first.
	const { document, report } = parse(
		Buffer.concat([
			Buffer.from("variant: fcos\nversion: 1.4.0\n"),
			Buffer.alloc(maxBytes, "#"),
		]),
	);
	assert.equal(document, null);
	assert.deepEqual(
		report.problems.map(({ message, path }) => [message, path]),
		[["document is larger than 8 MiB", []]],
	);
});

test("names of JavaScript's own objects are keys like any other", () => {
	const { document, report } = parse(
		"variant: fcos\nversion: 1.4.0\n__proto__: {storage: {files: []}}\nconstructor: 1\npasswd: {<<: {__proto__: {users: [{name: a}]}}}\n",
	);
	assert.deepEqual(
		report.problems.map((p) => p.message),
		["unused key __proto__", "unused key constructor"],
	);
	assert.deepEqual(document, {
		variant: "fcos",
		version: "1.4.0",
		passwd: {},
	});
	assert.equal(Object.getPrototypeOf(document), Object.prototype);
});
