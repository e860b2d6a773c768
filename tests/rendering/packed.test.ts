import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SetupError, tool } from "../../tools/setup.ts";
import { contentOf, documents, readIgnition } from "./document.ts";

test("Ignition itself unpacks the document that is sent", async (t) => {
	let ignition: string;
	try {
		ignition = await tool("ignition");
	} catch (error) {
		if (error instanceof SetupError) return t.skip(error.message);
		throw error;
	}
	const folder = mkdtempSync(join(tmpdir(), "moltbot-packed-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const at = (name: string) => join(folder, name);
	writeFileSync(at("config.ign"), documents.compressed);
	execFileSync(
		ignition,
		[
			...["--platform=file", "--stage=fetch", `--root=${folder}`],
			...[`--config-cache=${at("cache.json")}`, `--state-file=${at("state")}`],
			...[`--neednet=${at("neednet")}`, "--log-to-stdout"],
		],
		{ env: { IGNITION_CONFIG_FILE: at("config.ign") } },
	);
	const files = (json: string) =>
		new Map(
			readIgnition(json).storage.files.map((file) => [
				file.path,
				contentOf(file).toString(),
			]),
		);
	const fetched = files(readFileSync(at("cache.json"), "utf8"));
	for (const [path, text] of files(documents.plain))
		assert.equal(fetched.get(path), text, path);
});
