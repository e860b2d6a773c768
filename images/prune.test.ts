import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

const script = join(import.meta.dirname, "gateway/prune.mjs");

/** Prunes a folder with these files; what is left of them, what was said, and how it ended. */
function prune(files: Record<string, object | string>) {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-prune-"));
	try {
		for (const [name, content] of Object.entries(files)) {
			mkdirSync(dirname(join(folder, name)), { recursive: true });
			writeFileSync(
				join(folder, name),
				typeof content === "string" ? content : JSON.stringify(content),
			);
		}
		const { status, stdout, stderr } = spawnSync(
			process.execPath,
			[script, folder],
			{ encoding: "utf8" },
		);
		const left = readdirSync(folder, { recursive: true, encoding: "utf8" });
		return { status, stdout, stderr, left: left.sort() };
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** The files alone, of a package `p`. */
const inPackage = (manifest: object, ...names: string[]) =>
	Object.fromEntries([
		["node_modules/p/package.json", manifest],
		...names.map((name) => [`node_modules/p/${name}`, "text"]),
	]);

const leftOf = (manifest: object, ...names: string[]) => {
	const { status, stderr, left } = prune(inPackage(manifest, ...names));
	assert.equal(status, 0, stderr);
	return names.filter((name) => left.includes(`node_modules/p/${name}`));
};

test("what no program reads goes, with the folders that are empty then", () => {
	const { status, stdout, left } = prune(
		inPackage(
			{ main: "lib/index.js", types: "lib/index.d.ts" },
			...["LICENSE", "README.md", "lib/index.js", "lib/index.js.map"],
			...["lib/index.d.ts", "lib/types/a.d.mts", "src/index.ts", "test/a.js"],
		),
	);
	assert.equal(status, 0);
	assert.match(stdout, /declarations: 2 files/);
	assert.deepEqual(left, [
		"node_modules",
		"node_modules/p",
		"node_modules/p/LICENSE",
		"node_modules/p/lib",
		"node_modules/p/lib/index.js",
		"node_modules/p/package.json",
	]);
});

test("what a program may read stays", () => {
	const names = [
		...["skills/a/SKILL.md", "lib/test/a.js", "lib/docs/a.json", "test.js"],
		...["lib/README.md", "LICENSE.md", "data.map", "lib/a.wasm"],
	];
	assert.deepEqual(leftOf({}, ...names), names);
});

test("a licence is never lost", () => {
	assert.deepEqual(leftOf({}, "README.md"), ["README.md"]);
	assert.deepEqual(leftOf({}, "README.md", "license"), ["license"]);
});

test("outside node_modules, and of the compiler's library, nothing goes", () => {
	const files = {
		"dist/a.d.ts": "",
		"docs/README.md": "",
		"node_modules/typescript/lib/lib.dom.d.ts": "",
		"node_modules/typescript/package.json": {},
	};
	const { status, left } = prune(files);
	assert.equal(status, 0);
	for (const name of Object.keys(files)) assert.ok(left.includes(name), name);
});

test("a package for another system goes as a whole, however it is nested", () => {
	const own = { os: [process.platform], cpu: [process.arch] };
	const { status, left } = prune({
		"node_modules/@s/p/node_modules/own/package.json": own,
		"node_modules/@s/p/node_modules/mac/package.json": { os: ["darwin"] },
		"node_modules/@s/p/node_modules/not/package.json": {
			os: [`!${process.platform}`],
		},
		"node_modules/@s/p/node_modules/cpu/package.json": { cpu: ["mips"] },
		"node_modules/@s/p/node_modules/musl/package.json": { libc: ["musl"] },
		"node_modules/@s/p/package.json": {},
	});
	assert.equal(status, 0);
	assert.deepEqual(
		left.filter((name) => name.endsWith("package.json")),
		[
			"node_modules/@s/p/node_modules/own/package.json",
			"node_modules/@s/p/package.json",
		],
	);
});

for (const [what, manifest] of Object.entries({
	main: { main: "src/a.ts" },
	bin: { bin: { p: "./src/a.ts" } },
	exports: { exports: { ".": { import: ["./src/a.ts"] } } },
	"exports by pattern": { exports: { "./*": "./src/*.ts" } },
	imports: { imports: { "#a": { node: "./src/a.ts" } } },
	"openclaw.extensions": { openclaw: { extensions: ["./src/a.ts"] } },
}))
	test(`an entry that would go stops it: ${what}`, () => {
		const { status, stderr, left } = prune(
			inPackage(manifest, "src/a.ts", "src/b.d.ts"),
		);
		assert.equal(status, 1);
		assert.match(stderr, /src\/.*\.ts would go, but .*p\/package\.json names/);
		assert.ok(
			left.includes("node_modules/p/src/b.d.ts"),
			"nothing was removed",
		);
	});

test("what only other programs follow is no entry", () => {
	const manifest = {
		exports: { ".": { types: "./a.d.ts", "@p/source": "./a.ts" } },
	};
	assert.deepEqual(leftOf(manifest, "a.ts", "a.d.ts", "a.js"), ["a.js"]);
});
