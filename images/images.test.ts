import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { tool } from "../tools/setup.ts";

const here = import.meta.dirname;
const folders = ["gateway", "sandbox"];
const text = (path: string) => readFileSync(join(here, path), "utf8");

/** Build arguments and their defaults. */
function argumentsOf(folder: string): Map<string, string> {
	const found = text(`${folder}/Containerfile`).matchAll(/^ARG (\w+)=(.*)$/gm);
	return new Map([...found].map(([, name = "", value = ""]) => [name, value]));
}

for (const folder of folders)
	test(`every input of the ${folder} is named by digest, checksum or day`, () => {
		const args = argumentsOf(folder);
		const bases = [
			...text(`${folder}/Containerfile`).matchAll(/^FROM \$\{(\w+)\}$/gm),
		];
		assert.equal(bases.length, 1);
		for (const [, name = ""] of bases)
			assert.match(args.get(name) ?? "", /@sha256:[0-9a-f]{64}$/);
		for (const [name, value] of args) {
			if (/^https?:/.test(value) && !/\/\d{8}T\d{6}Z$/.test(value))
				assert.match(
					args.get(name.replace("_URL", "_SHA256")) ?? "",
					/^[0-9a-f]{64}$/,
					name,
				);
		}
	});

test("the plugin is the one that the configuration is checked with", () => {
	const args = argumentsOf("gateway");
	const lock: {
		packages: Record<string, { version?: string; integrity?: string }>;
	} = JSON.parse(text("../agent-config/validate/package-lock.json"));
	const plugin = lock.packages["node_modules/@openclaw/discord"];
	const openclaw = lock.packages["node_modules/openclaw"];
	assert.equal(args.get("DISCORD_VERSION"), plugin?.version);
	assert.equal(args.get("DISCORD_INTEGRITY"), plugin?.integrity);
	assert.ok(args.get("OPENCLAW_IMAGE")?.includes(`:${openclaw?.version}@`));
});

test("scripts pass shellcheck", async () => {
	const scripts = folders.flatMap((folder) =>
		readdirSync(join(here, folder))
			.filter((name) => text(`${folder}/${name}`).startsWith("#!"))
			.map((name) => join(here, folder, name)),
	);
	scripts.push(join(here, "../lab/images/build.sh"));
	assert.ok(scripts.length >= 4);
	const { status, stdout } = spawnSync(
		await tool("shellcheck"),
		// npm writes its settings in lower case; Node's own program stands in single quotes.
		["--exclude=SC2154,SC2016", ...scripts],
		{ encoding: "utf8" },
	);
	assert.equal(status, 0, stdout);
});
