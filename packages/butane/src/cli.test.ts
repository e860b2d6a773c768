import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	accessSync,
	constants,
	existsSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { tool } from "../../../tools/setup.ts";
import { go } from "../tests/reference.ts";
import { run } from "./cli.ts";

const head = "variant: fcos\nversion: 1.4.0\n";
const good = `${head}storage: {files: [{path: /a, mode: 0644, contents: {inline: hello}}]}\n`;
const warned = `${head}storage: {files: [{path: /a, mode: 644}]}\n`;
const unused = `${head}storag: {}\n`;
const merged = `${head}storage: {files: [&a {path: /a}, {<<: *a, path: /b}]}\n`;
const alias = `${head}storage: {files: [{path: /a, user: &u {id: 1}}, {path: /b, user: *u}]}\n`;
const empty = `${head}storage:\n`;
const wrong = `${head}storage: {files: [{path: a}]}\n`;
const local = `${head}storage: {files: [{path: /a, contents: {local: a.txt}}]}\n`;

/** Command lines; `IN` and `OUT` are files, `DIR` is the folder that holds them. */
const cases: [name: string, args: string[], input: string][] = [
	["a document", [], good],
	["a warning", [], warned],
	["a warning, strict", ["--strict"], warned],
	["a warning, strict by its letter", ["-s"], warned],
	["an unused key", [], unused],
	["an unused key, strict", ["-s"], unused],
	["a merge key", [], merged],
	["a merge key, strict", ["-s"], merged],
	["an alias for a mapping", [], alias],
	["an alias for a mapping, strict", ["-s"], alias],
	["no mapping where one may stand", [], empty],
	["no mapping where one may stand, strict", ["-s"], empty],
	["an error", [], wrong],
	["no YAML", [], "a: [\n"],
	["nothing", [], ""],
	["another variant", [], "variant: nemo\nversion: 1.0.0\n"],
	["only a check", ["--check"], good],
	["only a check of what is wrong", ["-c"], wrong],
	["letters together", ["-ps"], good],
	["raw output and errors", ["-r", "--raw-errors"], warned],
	["a local file", ["--files-dir", "DIR"], local],
	["a local file, with =", ["--files-dir=DIR"], local],
	["a local file, by its letter", ["-d", "DIR"], local],
	["a local file, letter and value in one", ["-dDIR"], local],
	["a local file without a folder", [], local],
	["an input file", ["IN"], ""],
	["an input file after --", ["--", "IN"], ""],
	["an input file that is not there", ["DIR/none"], ""],
	["two input files", ["IN", "IN"], ""],
	["an output file", ["-o", "OUT"], good],
	["an output file that cannot be", ["-o", "DIR/none/x"], good],
	["a flag that does not exist", ["--stric"], good],
	["a flag without its value", ["--files-dir"], good],
	["help", ["--help"], ""],
	["help by its letter", ["-h"], ""],
	["the version", ["--version"], ""],
	["the version by its letter", ["-V"], ""],
];

const folder = mkdtempSync(join(tmpdir(), "butane-cli-"));
before(() => writeFileSync(join(folder, "a.txt"), "hello\n"));
after(() => rmSync(folder, { recursive: true }));

/** Runs a command line with its placeholders filled in, and collects all that comes out of it. */
async function call(
	args: string[],
	start: (args: string[]) => Promise<Output>,
) {
	const [inFile, outFile] = [join(folder, "in.bu"), join(folder, "out.ign")];
	writeFileSync(inFile, good);
	rmSync(outFile, { force: true });
	const output = await start(
		args.map((arg) =>
			arg.replace("IN", inFile).replace("OUT", outFile).replace("DIR", folder),
		),
	);
	const file = existsSync(outFile) ? readFileSync(outFile, "utf8") : undefined;
	return { ...output, file };
}

type Output = { status: number | null; stdout: string; stderr: string };

const spawned =
	(command: string[], input: string) =>
	async (args: string[]): Promise<Output> => {
		const [file = "", ...first] = command;
		return spawnSync(file, [...first, ...args], { input, encoding: "utf8" });
	};

const inProcess =
	(input: string) =>
	async (args: string[]): Promise<Output> => {
		let [stdout, stderr] = ["", ""];
		const status = await run(args, {
			readInput: async () => Buffer.from(input),
			out: (text) => {
				stdout += text;
			},
			error: (text) => {
				stderr += text;
			},
		});
		return { status, stdout, stderr };
	};

const json = (text: string | undefined): unknown =>
	text ? JSON.parse(text) : text;

test("exit codes, output and flags are those of the reference", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const reference = [await tool("butane")];
	for (const [name, args, input] of cases)
		await t.test(name, async () => {
			const ours = await call(args, inProcess(input));
			const theirs = await call(args, spawned(reference, input));
			assert.equal(ours.status, theirs.status, ours.stderr);
			assert.deepEqual(json(ours.file), json(theirs.file));
			if (/help|version/.test(name)) assert.ok(ours.stdout);
			else assert.deepEqual(json(ours.stdout), json(theirs.stdout));
			if (theirs.stderr) assert.ok(ours.stderr);
		});
});

test("shows the line that a problem is about", async () => {
	const { status, stdout, stderr } = await inProcess(wrong)([]);
	assert.equal(status, 1);
	assert.equal(stdout, "");
	assert.equal(
		stderr,
		[
			"error at $.storage.files.0.path, line 3 col 20: path not absolute",
			"3 | storage: {files: [{path: a}]}",
			"                       ^",
			"The document was refused.",
			"",
		].join("\n"),
	);
});

test("is a program that node runs as it is, from standard input to standard output", async () => {
	const manifest = readFileSync(
		join(import.meta.dirname, "../package.json"),
		"utf8",
	);
	const { butane } = JSON.parse(manifest).bin;
	const program = join(import.meta.dirname, "..", butane);
	accessSync(program, constants.X_OK);
	assert.match(readFileSync(program, "utf8"), /^#!\/usr\/bin\/env node\n/);
	const start = spawned([process.execPath, program], good);
	assert.equal(
		JSON.parse((await start([])).stdout).storage.files[0].mode,
		0o644,
	);
	assert.equal((await start(["--no"])).status, 2);
});
