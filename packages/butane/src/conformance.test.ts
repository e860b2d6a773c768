import assert from "node:assert/strict";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { compare } from "../tests/compare.ts";
import { go, Reference } from "../tests/reference.ts";
import { Tally } from "../tests/tally.ts";
import { versions } from "./index.ts";

/* Every fcos example of the reference's documents, read from the Go module cache: as it stands, and under every version. */
const version = /^version: (.*)$/m;

/** The examples read files; each that is named is there on both sides. */
function makeFiles(texts: string[]): string {
	const folder = mkdtempSync(join(tmpdir(), "butane-"));
	for (const text of texts)
		for (const [, name = ""] of text.matchAll(/local: (\S+)$/gm)) {
			const tree = text.includes(`- local: ${name}`) && !/\.\w+$/.test(name);
			const path = join(folder, name, tree ? "etc/file" : "");
			mkdirSync(dirname(path), { recursive: true });
			writeFileSync(path, `[Unit]\nDescription=${name}\n`);
		}
	return folder;
}

test("agrees with the reference on the examples of its documents", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const source = go("list", "-m", "-f", "{{.Dir}}", "github.com/coreos/butane");
	const docs = join(source.stdout.trim(), "docs");
	const examples = readdirSync(docs)
		.filter((name) => name.endsWith(".md"))
		.flatMap((name) =>
			[
				...readFileSync(join(docs, name), "utf8").matchAll(
					/```yaml\n(.*?)```/gs,
				),
			]
				.map((match) => match[1] ?? "")
				.filter((text) => text.includes("variant: fcos") && version.test(text))
				.flatMap((text, i) => {
					const own = version.exec(text)?.[1] ?? "";
					return [...new Set([own, ...Object.keys(versions)])]
						.filter((v) => !v.includes("experimental"))
						.map((v) => ({
							name: `${name} ${i + 1} as ${v}`,
							text: text.replace(version, `version: ${v}`),
						}));
				}),
		);
	assert.ok(examples.length > 300, `only ${examples.length} cases found`);
	const files = makeFiles(examples.map((example) => example.text));
	const reference = new Reference();
	const tally = new Tally();
	try {
		for (const { name, text } of examples)
			tally.add(name, compare(text, await reference.ask(text, files), files));
	} finally {
		reference.stop();
		rmSync(files, { recursive: true });
	}
	tally.finish(t, "cases");
});
