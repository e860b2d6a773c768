// The program sees of a host what it would see of a rented VM. That the operator cannot look into the lab's machines is tried in
// tests/host/lab; here, that nothing in the product has a way to ask the lab at all.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "..");
const product = ["infra", "operator", "packages", "butane", "quadlets"];
const files = (pattern: string) =>
	product.flatMap((folder) =>
		globSync(`${folder}/**/${pattern}`, {
			cwd: root,
			exclude: ["**/node_modules/**"],
			withFileTypes: true,
		})
			.filter((entry) => entry.isFile())
			.map((entry) => relative(root, join(entry.parentPath, entry.name))),
	);
const text = (file: string) => readFileSync(join(root, file), "utf8");

/** Paths of this repository that a module imports, in any of the ways there are. */
function imports(file: string): string[] {
	const names = text(file).matchAll(
		/(?:from\s+|import\s*\(?\s*|require\(\s*|new URL\(\s*)["'](\.{1,2}\/[^"']+)["']/g,
	);
	return [...names].map(([, name = ""]) =>
		relative(root, resolve(root, dirname(file), name)),
	);
}

test("the product imports nothing of the lab", () => {
	const modules = files("*.{ts,mjs,js}").filter(
		(file) => !/\.test\.ts$|\/testing\.ts$|\.bench\.ts$/.test(file),
	);
	assert.ok(modules.length > 50);
	assert.ok(modules.some((file) => imports(file).includes("infra/host.ts")));
	const strays = modules.flatMap((file) =>
		imports(file)
			.filter((path) => /^(lab|tests)\//.test(path))
			.map((path) => `${file} imports ${path}`),
	);
	assert.deepEqual(strays, []);
});

test("the product names no console, folder or control interface of the lab", () => {
	const strays = files("*").filter(
		(file) =>
			!/\.test\.ts$|\/testing\.ts$|\/testdata\//.test(file) &&
			/console\.log\b(?!\()|MOLTBOT_LAB\b|control\.lab\.test|control\.sock|nsenter|systemd-nspawn/.test(
				text(file),
			),
	);
	assert.deepEqual(strays, []);
});
