import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { bring } from "../../tools/bring.ts";
import { contentOf, documents, readIgnition, write } from "./document.ts";

const folder = "/etc/containers/systemd/users/2001/";
const quadlets = readIgnition(documents.plain).storage.files.filter((file) =>
	file.path.startsWith(folder),
);

async function dryRun(t: TestContext, units: Record<string, string>) {
	const quadlet = await bring(t, "quadlet");
	if (!quadlet) return undefined;
	const scratch = mkdtempSync(join(tmpdir(), "moltbot-quadlet-"));
	t.after(() => rmSync(scratch, { recursive: true, force: true }));
	for (const [name, text] of Object.entries(units)) write(scratch, name, text);
	return spawnSync(quadlet, ["-dryrun", "-user"], {
		encoding: "utf8",
		env: { QUADLET_UNIT_DIRS: scratch },
	});
}

test("every quadlet of the host becomes a unit, without a word of warning", async (t) => {
	assert.ok(quadlets.length >= 3);
	const units = Object.fromEntries(
		quadlets.map((file) => [basename(file.path), contentOf(file).toString()]),
	);
	const result = await dryRun(t, units);
	if (!result) return;
	assert.equal(result.status, 0, result.stderr);
	const other = result.stderr
		.split("\n")
		.filter((line) => line && !line.includes("Loading source unit file"));
	assert.deepEqual(other, []);
	for (const name of Object.keys(units)) {
		const unit = name
			.replace(/\.(image|build|volume)$/, "-$1")
			.replace(/\.container$/, "");
		assert.ok(result.stdout.includes(`---${unit}.service---`), name);
	}
});

test("a key that quadlet does not know is refused", async (t) => {
	const text = "[Container]\nImage=localhost/x:y\nNoNewPrivilege=true\n";
	const result = await dryRun(t, { "wrong.container": text });
	if (!result) return;
	assert.notEqual(result.status, 0);
	assert.match(result.stderr, /unsupported key 'NoNewPrivilege'/);
});
