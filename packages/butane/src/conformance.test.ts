import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { parse, translate } from "./index.ts";

/* Every fcos example of the reference's documents, read from the Go module cache, its version set to 1.4.0 on both sides. */
const module = new URL("../../../tools/butane", import.meta.url).pathname;
const go = (...args: string[]) =>
	spawnSync("go", args, { cwd: module, encoding: "utf8" });
const version = /^version: .*$/m;
/* Sections that translate() refuses so far; the reference accepts them. Each such case is counted, never skipped unseen. */
const refused = /is not supported by this library yet/;

test("agrees with the reference on the examples of its documents", (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const cache =
		process.env.MOLTBOT_CACHE ??
		join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "moltbot");
	mkdirSync(cache, { recursive: true });
	const reference = join(cache, "butane-0.29.0");
	const built = go(
		"build",
		"-o",
		reference,
		"github.com/coreos/butane/internal",
	);
	assert.equal(built.status, 0, built.stderr);
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
				.map((text, i) => ({
					name: `${name} ${i + 1}`,
					text: text.replace(version, "version: 1.4.0"),
				})),
		);
	assert.ok(examples.length > 20, `only ${examples.length} examples found`);

	let agree = 0;
	let later = 0;
	const differences: string[] = [];
	for (const { name, text } of examples) {
		const theirs = spawnSync(reference, { input: text, encoding: "utf8" });
		const { document, report } = parse(text);
		const ours = document && translate(document);
		const all = `${report}\n${ours?.report ?? ""}`;
		if (refused.test(all)) {
			later++;
			continue;
		}
		const accepted = ours?.ignition != null;
		if (accepted !== (theirs.status === 0))
			differences.push(
				`${name}: ours ${accepted}; ${all} theirs ${theirs.stderr}`,
			);
		else if (accepted)
			try {
				assert.deepEqual(
					unpacked(ours.ignition),
					unpacked(JSON.parse(theirs.stdout)),
				);
				agree++;
			} catch (error) {
				differences.push(`${name}: ${(error as Error).message}`);
			}
		else agree++;
	}
	t.diagnostic(
		`${agree} of ${examples.length} examples agree, ${later} use sections refused so far, ${differences.length} differ`,
	);
	assert.deepEqual(differences, []);
});

/** Compressed bytes may differ between compressors while their content agrees: compares the content. */
function unpacked(value: unknown): unknown {
	return JSON.parse(JSON.stringify(value), (_, child) =>
		typeof child === "string" && child.startsWith("data:;base64,H4sI")
			? gunzipSync(Buffer.from(child.slice(13), "base64")).toString("base64")
			: child,
	);
}
