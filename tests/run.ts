// `npm test`: everything that this repository can check about itself, step after step.
//   npm test                 all steps
//   npm test -- unit engine  only these
//   npm test -- infra/os.test.ts    only these files
// A step that this machine cannot run is left out with its reason; with CI=true that fails the run.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { hostMissing } from "../lab/host/artefacts.ts";
import { openclawFolder } from "../lab/images/openclaw.ts";
import { bringParts } from "../lab/parts.ts";
import { withLock } from "../tools/cache.mjs";
import {
	ensureDebianPackages,
	SetupError,
	toolsOnPath,
} from "../tools/setup.ts";
import { killMarked } from "./processes.ts";
import { type Counts, countsMark } from "./reporter.ts";

const root = join(import.meta.dirname, "..");
/** `npm run test:deep`: also what takes too long for every change. */
const deep = process.env.MOLTBOT_TEST_DEEP === "true";
const bin = join(root, "node_modules", ".bin");

interface Step {
	name: string;
	/** Why this machine cannot run it, if so. */
	missing?: () => string | undefined;
	run: () => Promise<Counts>;
}

const steps: Step[] = [
	{ name: "types", run: () => program([join(bin, "tsc")]) },
	{
		name: "lint",
		run: () => program([join(bin, "biome"), "ci", "--colors=off", "."]),
	},
	{
		name: "unit",
		run: () =>
			testFiles([
				"packages/**/*.test.ts",
				"docs/**/*.test.ts",
				"infra/**/*.test.ts",
				"operator/**/*.test.ts",
				"lab/**/*.test.ts",
				"tools/**/*.test.ts",
				"images/**/*.test.ts",
				"agent-config/**/*.test.ts",
				"tests/rendering/*.test.ts",
				"tests/runner/*.test.ts",
			]),
	},
	{
		name: "engine",
		run: async () => {
			const PATH = await toolsOnPath(["pulumi", "pulumi-language-nodejs"]);
			// Half of their time they wait: for a retry, a deadline, a host that does not answer.
			return testFiles(["tests/engine/**/*.test.ts"], { PATH, concurrency: 3 });
		},
	},
	{
		name: "host",
		missing: () => {
			if (process.platform !== "linux") return "needs Linux";
			return process.getuid?.() === 0 ? undefined : "needs root";
		},
		// One at a time, also where two runs meet on one machine: they boot systems, name networks and measure times.
		run: async () => {
			await bringHostParts();
			return withLock("the host tests", () =>
				testFiles(
					[
						"tests/host/**/*.test.ts",
						"tests/rendering/host/*.test.ts",
						...(deep ? ["tests/host/**/*.deep.ts"] : []),
					],
					{ concurrency: 1 },
				),
			);
		},
	},
];

/** In the environment of all that this run starts; whatever a step leaves behind is found by it and ended. */
const mark = { name: "MOLTBOT_TEST_RUN", value: randomUUID() };

async function main(args: readonly string[]): Promise<void> {
	const files = args.filter((arg) => /\.(test|deep)\.ts$/.test(arg));
	const wanted = args.filter((arg) => !files.includes(arg));
	if (files.length > 0) {
		steps.push({ name: "files", run: () => testFiles(files) });
		wanted.push("files");
	}
	const unknown = wanted.filter((name) => !steps.some((s) => s.name === name));
	if (unknown.length > 0)
		throw new Error(
			`There is no step ${unknown.join(", ")}; the steps are ${steps.map((s) => s.name).join(", ")}.`,
		);
	await bringPrograms();
	const total: Counts = { passed: 0, failed: 0, skipped: 0 };
	for (const step of steps) {
		if (wanted.length > 0 && !wanted.includes(step.name)) continue;
		const counts = await runStep(step);
		total.passed += counts.passed;
		total.failed += counts.failed;
		total.skipped += counts.skipped;
	}
	const strict = process.env.CI === "true";
	if (strict && total.skipped > 0)
		console.log("With CI=true nothing may be skipped: this run has failed.");
	console.log(
		`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`,
	);
	process.exitCode = total.failed > 0 || (strict && total.skipped > 0) ? 1 : 0;
}

/** What the tests call on the machine itself. Where it cannot be installed, the tests that miss it say so. */
async function bringPrograms(): Promise<void> {
	if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return;
	await ensureDebianPackages(
		["iproute2", "jq", "nftables", "sqlite3", "util-linux", "xfsprogs"],
		"The tests",
	);
}

/** What host tests are made of: a build of minutes is no part of a test's time. Where it cannot be had, the tests that need it say so. */
async function bringHostParts(): Promise<void> {
	if (hostMissing() !== undefined) return;
	await Promise.all([bringParts(), openclawFolder()]).catch(
		(error: unknown) => {
			if (!(error instanceof SetupError && error.cannotBe)) throw error;
		},
	);
}

async function runStep(step: Step): Promise<Counts> {
	const start = Date.now();
	console.log(`== ${step.name}`);
	const missing = step.missing?.();
	const counts = missing
		? leftOut(missing)
		: await step.run().catch((error: unknown) => {
				if (error instanceof SetupError && error.cannotBe)
					return leftOut(error.message);
				console.log(`  FAILED ${String(error)}`);
				return { passed: 0, failed: 1, skipped: 0 };
			});
	const time = `${((Date.now() - start) / 1000).toFixed(1)} s`;
	console.log(
		`== ${step.name}: ${counts.failed === 0 ? "ok" : "FAILED"} in ${time}\n`,
	);
	return counts;
}

function leftOut(reason: string): Counts {
	console.log(`  skipped: ${reason}`);
	return { passed: 0, failed: 0, skipped: 1 };
}

/** A program that counts as one test. */
async function program(command: readonly string[]): Promise<Counts> {
	const { code } = await start(command, {}, (text) =>
		process.stdout.write(text),
	);
	return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

/** Test files under node's test runner. */
async function testFiles(
	patterns: readonly string[],
	{ PATH = process.env.PATH, concurrency = 2 } = {},
): Promise<Counts> {
	const files = globSync(patterns, {
		cwd: root,
		exclude: ["**/node_modules/**"],
	}).sort();
	if (files.length === 0)
		throw new Error(`no test file fits ${patterns.join(" ")}`);
	const command = [
		process.execPath,
		"--test",
		`--test-concurrency=${concurrency}`,
		`--test-reporter=${join(import.meta.dirname, "reporter.ts")}`,
		"--test-reporter-destination=stdout",
		...files,
	];
	let counts: Counts | undefined;
	let rest = "";
	const { code } = await start(command, { PATH }, (text) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines)
			if (line.startsWith(countsMark))
				counts = JSON.parse(line.slice(countsMark.length)) as Counts;
			else console.log(line);
	});
	if (!counts) throw new Error(`the test runner ended early (exit ${code})`);
	// A file that fails as a whole (it cannot be loaded, it ends early) fails the run even where no test was counted.
	if (code !== 0 && counts.failed === 0) counts.failed = 1;
	return counts;
}

function start(
	[file = "", ...args]: readonly string[],
	environment: NodeJS.ProcessEnv,
	onText: (text: string) => void,
): Promise<{ code: number | null }> {
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, {
			cwd: root,
			stdio: ["ignore", "pipe", "inherit"],
			env: { ...process.env, ...environment, [mark.name]: mark.value },
		});
		child.stdout.setEncoding("utf8").on("data", onText);
		child.on("error", reject);
		// "close" would wait for whoever inherited the pipe.
		child.on("exit", endAll);
		child.on("close", (code) => resolve({ code }));
	});
}

function endAll(): void {
	killMarked(mark.name, mark.value);
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
	process.once(signal, () => {
		endAll();
		process.exit(130);
	});

await main(process.argv.slice(2));
