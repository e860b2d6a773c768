import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, globSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bring } from "../../tools/bring.ts";

const repository = join(import.meta.dirname, "..", "..");

/** First line of a file. */
function firstLine(path: string): string {
	const file = openSync(path, "r");
	const bytes = Buffer.alloc(80);
	const length = readSync(file, bytes);
	closeSync(file);
	return bytes.toString("latin1", 0, length).split("\n")[0] ?? "";
}

/** Every shell script of the repository, wherever it will stand. */
const scripts = globSync("{*/**,.ci/*}", {
	cwd: repository,
	exclude: (entry) => ["node_modules", ".git", ".lab"].includes(entry.name),
	withFileTypes: true,
})
	.filter((entry) => entry.isFile())
	.map((entry) => join(entry.parentPath, entry.name))
	.filter(
		(path) => path.endsWith(".sh") || /^#!.*\b(ba)?sh$/.test(firstLine(path)),
	)
	.map((path) => path.slice(repository.length + 1))
	.sort();

test("every script passes shellcheck", async (t) => {
	for (const known of [".ci/run", "quadlets/host/deliver", "lab/host/boot.sh"])
		assert.ok(scripts.includes(known), `${known} was not found`);
	const shellcheck = await bring(t, "shellcheck");
	if (!shellcheck) return;
	const { status, stdout, stderr } = spawnSync(
		shellcheck,
		["--external-sources", "--source-path=.", "--format=gcc", ...scripts],
		{ cwd: repository, encoding: "utf8" },
	);
	assert.equal(status, 0, stdout + stderr);
});

test("shellcheck sees what is wrong", async (t) => {
	const shellcheck = await bring(t, "shellcheck");
	if (!shellcheck) return;
	const input = "#!/bin/bash\nrm -rf $1/*\n";
	const { status, stdout } = spawnSync(shellcheck, ["-"], {
		input,
		encoding: "utf8",
	});
	assert.equal(status, 1);
	assert.match(stdout, /SC2086/);
});
