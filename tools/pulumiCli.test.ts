import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fits, pulumiOnPath } from "./pulumiCli.ts";

test("an installed engine fits if it has the SDK's major version and is not older", () => {
	for (const found of ["v3.259.0", "v3.259.1\n", "3.300.0", "v3.260.0-alpha.1"])
		assert.equal(fits(found, "3.259.0"), true, found);
	for (const found of ["v3.258.9", "v4.0.0", "v2.999.0", "", "dev"])
		assert.equal(fits(found, "3.259.0"), false, found);
});

/** Folders of a PATH, each with an engine of this version; a `-` before it: without its language host. */
async function path(t: TestContext, ...versions: string[]): Promise<string[]> {
	const root = await realpath(await mkdtemp(join(tmpdir(), "moltbot-path-")));
	const before = process.env.PATH;
	t.after(() => {
		process.env.PATH = before;
		return rm(root, { recursive: true });
	});
	const folders = versions.map((version, i) => {
		const folder = join(root, String(i));
		mkdirSync(folder);
		const binary = join(folder, "pulumi");
		writeFileSync(binary, `#!/bin/sh\necho ${version.replace("-", "")}\n`);
		chmodSync(binary, 0o755);
		if (!version.startsWith("-"))
			writeFileSync(join(folder, "pulumi-language-nodejs"), "");
		return folder;
	});
	process.env.PATH = folders.join(":");
	return folders;
}

test("the first engine on PATH that fits is used as it is", async (t) => {
	const folders = await path(t, "v3.1.0", "-v3.259.0", "v3.300.1", "v3.259.0");
	assert.equal(await pulumiOnPath("3.259.0"), folders[2]);
});

test("an engine that is only linked into PATH is found with its language host", async (t) => {
	const [original = ""] = await path(t, "v3.259.0");
	const bin = join(original, "bin");
	mkdirSync(bin);
	symlinkSync(join(original, "pulumi"), join(bin, "pulumi"));
	process.env.PATH = bin;
	assert.equal(await pulumiOnPath("3.259.0"), original);
});

test("where none fits there is none", async (t) => {
	await path(t, "v3.1.0", "-v3.300.0", "v4.0.0");
	assert.equal(await pulumiOnPath("3.259.0"), undefined);
});
