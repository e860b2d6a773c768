// From `npm run lab`, caches present, to the agent's first answer, then a pause and a resume, by stage: the operator's side from what the
// command prints, the host's from its journal. Both are of one clock, because the lab's host has that of the machine.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { BenchResult, Span } from "../../bench.ts";
import { outputOf } from "../../processes.ts";

const cli = join(import.meta.dirname, "../../../lab/cli.ts");
const allowedSeconds = 90;

/** What is told by whom when a stage begins or ends. */
interface Sign {
	readonly by: "operator" | "host";
	readonly line: RegExp;
}
const operator = (line: RegExp): Sign => ({ by: "operator", line });
const host = (line: RegExp): Sign => ({ by: "host", line });

const gatewayBegins = host(/Starting moltbot-gateway-image\.service/);
const gatewayThere = host(/Finished moltbot-gateway-image\.service/);
const sandboxBegins = host(/Starting moltbot-sandbox-image\.service/);
const sandboxThere = host(/Finished moltbot-sandbox-image\.service/);
const agentBegins = host(/Started moltbot-gateway\.service/);
type Stage = readonly [name: string, from: Sign | "start", to: Sign | "end"];
const boots: readonly Stage[] = [
	[
		"boot, rebase, reboot, join",
		operator(/Instance instance created/),
		operator(/Boot boot created/),
	],
	[
		"delivery",
		operator(/Delivery delivery creating/),
		operator(/Delivery delivery created/),
	],
	[
		"restore",
		host(/Starting restore\.service/),
		host(/Finished restore\.service/),
	],
	["gateway: pull", gatewayBegins, gatewayThere],
	["sandbox: pull", sandboxBegins, sandboxThere],
	["OpenClaw: start", agentBegins, host(/client initialized as/)],
];
const starts: readonly Stage[] = [
	["stand-ins, tailnet", "start", operator(/lab: pulumi up/)],
	[
		"engine to VM",
		operator(/lab: pulumi up/),
		operator(/Instance instance created/),
	],
	...boots,
	["ready to first answer", operator(/lab: up after/), "end"],
];
const pauses: readonly Stage[] = [
	["pause: engine", "start", operator(/last-backup deleting/)],
	[
		"pause: last backup",
		operator(/last-backup deleting/),
		operator(/last-backup deleted/),
	],
	["pause: VM, keys, name", operator(/last-backup deleted/), "end"],
];
const resumes: readonly Stage[] = [
	["resume: engine to VM", "start", operator(/Instance instance created/)],
	...boots.map(([name, from, to]): Stage => [`resume: ${name}`, from, to]),
	["resume: in all", "start", "end"],
];

export default async function bench(): Promise<BenchResult> {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-bench-lab-"));
	const run = (...args: string[]) =>
		spawn(process.execPath, [cli, ...args], {
			env: { ...process.env, MOLTBOT_LAB: folder },
			stdio: ["ignore", "pipe", "pipe"],
		});
	const journal = async () =>
		(
			await ended(
				run("ssh", "sudo journalctl --boot --quiet --no-pager -o short-unix"),
				"the journal",
			)
		)
			.split("\n")
			.map((line): Line => {
				const [, at = "", text = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
				return { at: Number(at) * 1000, text };
			});
	const zero = Date.now();
	/** A command of the lab, and what may follow, by stage. */
	const phase = async (
		verb: "up" | "pause" | "resume",
		stages: readonly Stage[],
		after?: () => Promise<unknown>,
	) => {
		const start = Date.now();
		const said = await lines(run(verb));
		await after?.();
		const end = Date.now();
		// After a pause there is no host to ask.
		const told = verb === "pause" ? [] : await journal();
		const spans = spansOf(stages, { start, end, operator: said, host: told });
		return {
			seconds: (end - start) / 1000,
			spans: spans.map(({ name, from, to }) => ({
				name,
				from: (from - zero) / 1000,
				to: (to - zero) / 1000,
			})),
		};
	};
	try {
		const memory = leastAvailable();
		const started = await phase("up", starts, () =>
			ended(run("dm", "hello"), "the first message"),
		);
		const paused = await phase("pause", pauses);
		const resumed = await phase("resume", resumes);
		const timeline = [started, paused, resumed].flatMap(({ spans }) => spans);
		const took = (name: string) => {
			const span = timeline.find((one) => one.name === name);
			return span ? span.to - span.from : Number.NaN;
		};
		return {
			title: "npm run lab, warm, to the first answer; pause and resume",
			timeline,
			figures: {
				"first answer (s)": started.seconds,
				"most memory in use meanwhile (GiB)": memory.used(),
				"disk of the lab (GiB)": await diskOf(folder),
				"pause beyond its backup (s)":
					paused.seconds - took("pause: last backup"),
				"resume beyond boot and restore (s)":
					resumed.seconds -
					took("resume: boot, rebase, reboot, join") -
					took("resume: restore"),
			},
			ratio: started.seconds / allowedSeconds,
			allowed: 1,
		};
	} finally {
		await ended(run("clean"), "clean").catch(console.error);
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Times in milliseconds since 1970, and what was said at which. */
interface Told {
	readonly start: number;
	readonly end: number;
	readonly operator: readonly Line[];
	readonly host: readonly Line[];
}

/** From when to when each stage was, in milliseconds since 1970. */
function spansOf(stages: readonly Stage[], told: Told): Span[] {
	const time = (sign: Sign | "start" | "end", after: number) =>
		typeof sign === "string" ? told[sign] : timeOf(sign, told, after);
	return stages.map(([name, begins, ends]) => {
		const from = time(begins, told.start);
		return { name, from, to: time(ends, from) };
	});
}

function timeOf(sign: Sign, told: Told, after: number): number {
	const found = told[sign.by].find(
		({ at, text }) => at >= after && sign.line.test(text),
	);
	if (!found) throw new Error(`nothing told ${sign.line}`);
	return found.at;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

interface Line {
	/** Milliseconds since 1970. */
	readonly at: number;
	readonly text: string;
}

/** What a command says, with the time of each line. */
async function lines(child: Child): Promise<Line[]> {
	const told: Line[] = [];
	for (const stream of [child.stdout, child.stderr])
		createInterface(stream).on("line", (text) =>
			told.push({ at: Date.now(), text }),
		);
	const [code] = await once(child, "close");
	if (code !== 0)
		throw new Error(told.map(({ text }) => text).join("\n") || `exit ${code}`);
	return told;
}

async function ended(child: Child, what: string): Promise<string> {
	const { status, stdout, stderr } = await outputOf(child);
	if (status !== 0) throw new Error(`${what}: ${stderr}`);
	return stdout;
}

function available(): number {
	const [, kib] =
		/^MemAvailable: +(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8")) ?? [];
	return Number(kib) / 2 ** 20;
}

/** Looks each second how much memory is left. */
function leastAvailable(): { used(): number } {
	const before = available();
	let least = before;
	const timer = setInterval(() => {
		least = Math.min(least, available());
	}, 1000).unref();
	return {
		used() {
			clearInterval(timer);
			return before - least;
		},
	};
}

/** GiB that a folder takes on the disk. */
async function diskOf(folder: string): Promise<number> {
	const [kib = ""] = (
		await ended(
			spawn("du", ["--summarize", "--one-file-system", folder], {
				stdio: ["ignore", "pipe", "pipe"],
			}),
			"du",
		)
	).split("\t");
	return Number(kib) / 2 ** 20;
}
