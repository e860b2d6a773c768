// The host document, judged by the reference implementations of what it is written in.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { bring } from "../../tools/bring.ts";
import {
	butaneFiles,
	documents,
	fillInto,
	type Ignition,
	readIgnition,
	write,
} from "./document.ts";

function folderOf(t: TestContext): string {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-rendering-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}

/** Translates a file with the reference in strict mode. */
function strictly(butane: string, folder: string, file: string) {
	return spawnSync(
		butane,
		["--strict", "--color=never", "--files-dir", folder, join(folder, file)],
		{ encoding: "utf8", maxBuffer: 16 * 1024 * 1024 },
	);
}

test("the reference Butane translates it in strict mode, to what is sent", async (t) => {
	const butane = await bring(t, "butane");
	if (!butane) return;
	const folder = folderOf(t);
	fillInto(folder);
	const parts = butaneFiles.map((file) => {
		const { status, stdout, stderr } = strictly(butane, folder, file);
		assert.equal(status, 0, stderr);
		assert.equal(stderr, "");
		return readIgnition(stdout);
	});
	const expected = merged(parts);
	for (const text of Object.values(documents))
		assert.deepEqual(readIgnition(text), expected);
});

test("the strict mode refuses what it only warns of otherwise", async (t) => {
	const butane = await bring(t, "butane");
	if (!butane) return;
	const folder = folderOf(t);
	const text = "variant: fcos\nversion: 1.4.0\nnonsense: true\n";
	write(folder, "wrong.bu", text);
	const { status, stderr } = strictly(butane, folder, "wrong.bu");
	assert.notEqual(status, 0);
	assert.match(stderr, /nonsense/);
});

test("ignition-validate accepts both forms, and not a broken one", async (t) => {
	const validator = await bring(t, "ignition-validate");
	if (!validator) return;
	const validate = (input: string) =>
		spawnSync(validator, ["-"], { input, encoding: "utf8" });
	for (const [form, text] of Object.entries(documents)) {
		const { status, stdout, stderr } = validate(text);
		assert.equal(status, 0, `${form}: ${stdout}${stderr}`);
		assert.equal(stdout + stderr, "", form);
	}
	const broken = documents.plain.replace('"path":"/', '"path":"');
	assert.notEqual(broken, documents.plain);
	assert.notEqual(validate(broken).status, 0);
});

/** Ignition documents put together: lists one after the other. */
function merged([first, ...rest]: Ignition[]): Ignition {
	assert.ok(first);
	for (const { storage } of rest)
		for (const [kind, entries] of Object.entries(storage)) {
			assert.ok(Array.isArray(entries));
			const before = (first.storage[kind] ?? []) as unknown[];
			first.storage[kind] = [...before, ...entries];
		}
	return first;
}
