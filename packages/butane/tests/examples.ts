import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { versions } from "../src/index.ts";
import { go } from "./reference.ts";

export type Example = { name: string; text: string; version: string };

const version = /^version: (.*)$/m;

/** Every fcos example of the reference's documents, read from the Go module cache: as it stands, and under every version. */
export function examples(): Example[] {
	const source = go("list", "-m", "-f", "{{.Dir}}", "github.com/coreos/butane");
	const docs = join(source.stdout.trim(), "docs");
	return readdirSync(docs)
		.filter((name) => name.endsWith(".md"))
		.flatMap((name) =>
			blocks(readFileSync(join(docs, name), "utf8")).flatMap((text, i) =>
				versionsOf(text).map((v) => ({
					name: `${name} ${i + 1} as ${v}`,
					text: text.replace(version, `version: ${v}`),
					version: v,
				})),
			),
		);
}

const blocks = (markdown: string): string[] =>
	[...markdown.matchAll(/```yaml\n(.*?)```/gs)]
		.map((match) => match[1] ?? "")
		.filter((text) => text.includes("variant: fcos") && version.test(text));

const versionsOf = (text: string): string[] =>
	[
		...new Set([version.exec(text)?.[1] ?? "", ...Object.keys(versions)]),
	].filter((v) => !v.includes("experimental"));

/** A folder with all files that the examples read. */
export function filesOf(texts: readonly string[]): string {
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
