import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { killMarked } from "../../processes.ts";

const markName = "MOLTBOT_TEST_ENGINE";

/** One event of the engine, as `--event-log` writes it; only what tests look at. */
export interface EngineEvent {
	resourcePreEvent?: { metadata: { op: string; urn: string; type: string } };
	resOutputsEvent?: {
		metadata: {
			op: string;
			urn: string;
			type: string;
		};
	};
	diagnosticEvent?: { message: string; severity: string; urn?: string };
	summaryEvent?: { resourceChanges: Record<string, number> };
}

/** What a run of `pulumi` came to. */
export interface Run {
	/** `null`: it was killed. */
	code: number | null;
	stdout: string;
	stderr: string;
	/** Both, in order of arrival. */
	output: string;
	/** The event log, as text: tests look for leaks in it. */
	eventLog: string;
	events: EngineEvent[];
	/** Planned or done steps other than `same`: `op name`. */
	changes: string[];
}

/** Runs `pulumi` in a project; one run at a time. */
export class Engine {
	readonly #program: string;
	readonly #project: string;
	readonly #environment: NodeJS.ProcessEnv;
	/** In the environment of all that this engine starts. */
	readonly #mark = randomUUID();
	#engine: ChildProcess | undefined;
	#runs = 0;

	constructor(
		program: string,
		project: string,
		environment: NodeJS.ProcessEnv,
	) {
		this.#program = program;
		this.#project = project;
		this.#environment = environment;
	}

	/** Kills engine and plugins at once, as a power cut would. */
	kill(): void {
		// First who would see the others die, and write it down.
		this.#engine?.kill("SIGKILL");
		killMarked(markName, this.#mark);
	}

	async run(
		command: string,
		args: readonly string[] = [],
		{
			environment = {},
			log = false,
		}: { environment?: NodeJS.ProcessEnv; log?: boolean } = {},
	): Promise<Run> {
		this.#runs += 1;
		const logFile = join(this.#project, `.events-${this.#runs}.jsonl`);
		const child = spawn(
			this.#program,
			[
				command,
				"--non-interactive",
				"--color=never",
				...(log ? ["--event-log", logFile] : []),
				...args,
			],
			{
				cwd: this.#project,
				stdio: ["ignore", "pipe", "pipe"],
				env: {
					...this.#environment,
					...environment,
					[markName]: this.#mark,
				},
			},
		);
		this.#engine = child;
		const run = { stdout: "", stderr: "", output: "" };
		for (const stream of ["stdout", "stderr"] as const)
			child[stream].setEncoding("utf8").on("data", (text: string) => {
				run[stream] += text;
				run.output += text;
			});
		const code = await new Promise<number | null>((resolve, reject) => {
			child.on("error", reject);
			// A plugin that outlives the engine would keep the streams open.
			child.on("exit", () => this.kill());
			child.on("close", resolve);
		});
		const eventLog = existsSync(logFile) ? readFileSync(logFile, "utf8") : "";
		rmSync(logFile, { force: true });
		const events = eventLog
			.split("\n")
			.filter(isWhole)
			.map((line) => JSON.parse(line) as EngineEvent);
		return { ...run, code, eventLog, events, changes: changesOf(events) };
	}
}

/** A killed engine may leave the last line unfinished. */
function isWhole(line: string): boolean {
	return line.startsWith("{") && line.endsWith("}");
}

function changesOf(events: readonly EngineEvent[]): string[] {
	return events.flatMap(({ resourcePreEvent }) => {
		if (!resourcePreEvent) return [];
		const { op, urn } = resourcePreEvent.metadata;
		const ignored = ["same", "refresh", "read"];
		return ignored.includes(op) ? [] : [`${op} ${urn.split("::").at(-1)}`];
	});
}
