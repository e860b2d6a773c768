// What `npm test` itself promises: nothing is left out in silence, nothing is left running, two runs do not meet.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

const program = join(import.meta.dirname, "..", "run.ts");

async function folderOf(t: TestContext): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "moltbot-runner-"));
	t.after(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

/** A test file with this text. */
function testFile(folder: string, name: string, text: string): string {
	const file = join(folder, `${name}.test.ts`);
	writeFileSync(
		file,
		`import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { suite, test } from "node:test";
${text}`,
	);
	return file;
}

/** Runs `npm test -- <arguments>` as a process of its own. */
function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
	// Inside a test the runner would take itself for a part of it.
	const { NODE_TEST_CONTEXT: _, CI: __, ...rest } = process.env;
	const child = spawn(process.execPath, [program, ...args], {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...rest, ...environment },
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
		});
	const ended = once(child, "close").then(([code]) => ({
		code: code as number | null,
		output,
	}));
	return { child, ended };
}

const run = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
	start(args, environment).ended;

const leftOut = {
	"a test": 'test("mine", { skip: "needs the moon" }, () => {});',
	"a test from within": 'test("mine", (t) => t.skip("needs the moon"));',
	"a suite":
		'suite("mine", { skip: "needs the moon" }, () => { test("inner", () => {}); });',
	"a todo": 'test("mine", { todo: "needs the moon" }, () => {});',
};
for (const [what, text] of Object.entries(leftOut))
	test(`${what} that is left out fails the run with CI=true, and only then`, async (t) => {
		const file = testFile(
			await folderOf(t),
			"skips",
			`test("runs", () => {});\n${text}\n`,
		);
		const here = await run([file]);
		assert.equal(here.code, 0, here.output);
		assert.match(here.output, /1 passed, 0 failed, 1 skipped/);
		if (what !== "a todo") assert.match(here.output, /needs the moon/);
		const there = await run([file], { CI: "true" });
		assert.equal(there.code, 1, there.output);
		assert.match(there.output, /nothing may be skipped/);
	});

test("a failing test, a file that cannot be loaded and a file without an end fail the run", async (t) => {
	const folder = await folderOf(t);
	for (const [name, text] of Object.entries({
		fails: 'test("x", () => { throw new Error("broken"); });',
		unloadable: 'import "./nowhere.ts";',
		exits: 'test("x", () => {}); process.exitCode = 3;',
	})) {
		const { code, output } = await run([testFile(folder, name, text)]);
		assert.equal(code, 1, `${name}: ${output}`);
		assert.match(output, /1 failed/, name);
	}
});

test("without root the host tests are left out with the reason", async () => {
	const asUser = "--import=data:text/javascript,process.getuid=()=>1000";
	const { code, output } = await run(["host"], { NODE_OPTIONS: asUser });
	assert.equal(code, 0, output);
	assert.match(output, /== host\n {2}skipped: needs (root|Linux)/);
	assert.match(output, /0 passed, 0 failed, 1 skipped/);
	const strict = await run(["host"], { NODE_OPTIONS: asUser, CI: "true" });
	assert.equal(strict.code, 1, strict.output);
});

test("an unknown step is named with those that exist", async () => {
	const { code, output } = await run(["unti"]);
	assert.notEqual(code, 0);
	assert.match(output, /no step unti; the steps are types, lint, unit/);
});

/** Starts a process that outlives its test file; its id goes into a file. */
const leaves = (pidFile: string) => `test("leaves somebody behind", () => {
	const child = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
	child.unref();
	writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
});
`;

const linux = { skip: process.platform === "linux" ? false : "needs Linux" };

test(
	"nothing is left running, also where the run is interrupted",
	linux,
	async (t) => {
		const folder = await folderOf(t);
		const [first, second] = [join(folder, "first"), join(folder, "second")];
		const { code } = await run([testFile(folder, "leaves", leaves(first))]);
		assert.equal(code, 0);
		assert.equal(isAlive(first), false);

		const text = `${leaves(second)}test("waits", () => sleep(300_000));\n`;
		const { child, ended } = start([testFile(folder, "waits", text)]);
		await until(() => existsSync(second) && readFileSync(second).length > 0);
		assert.equal(isAlive(second), true);
		child.kill("SIGTERM");
		assert.equal((await ended).code, 130);
		await until(() => !isAlive(second));
	},
);

test(
	"a run that ends leaves the processes of another one alone",
	linux,
	async (t) => {
		const folder = await folderOf(t);
		const [theirs, done] = [join(folder, "theirs"), join(folder, "done")];
		// The other run has a process of its own until this one has ended.
		const long = start([
			testFile(
				folder,
				"long",
				`${leaves(theirs)}test("waits", { timeout: 120_000 }, async () => {
	while (!existsSync(${JSON.stringify(done)})) await sleep(50);
});
`,
			),
		]);
		await until(() => existsSync(theirs) && readFileSync(theirs).length > 0);
		const short = await run([
			testFile(folder, "short", leaves(join(folder, "ours"))),
		]);
		assert.equal(short.code, 0, short.output);
		assert.equal(isAlive(join(folder, "ours")), false);
		assert.equal(isAlive(theirs), true);
		writeFileSync(done, "");
		const { code, output } = await long.ended;
		assert.equal(code, 0, output);
		assert.equal(isAlive(theirs), false);
	},
);

function isAlive(pidFile: string): boolean {
	try {
		const stat = readFileSync(
			`/proc/${readFileSync(pidFile, "utf8")}/stat`,
			"utf8",
		);
		// What was killed and not yet waited for by its parent is no longer running.
		return !/\) Z /.test(stat);
	} catch {
		return false;
	}
}

/** Waits for a condition, half a minute at most. */
async function until(condition: () => boolean): Promise<void> {
	const end = Date.now() + 30_000;
	while (!condition()) {
		assert.ok(Date.now() < end, `waited in vain for ${condition}`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}
