import { execFile, spawn } from "node:child_process";
import {
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { LabError } from "./errors.ts";
import { namespacePath } from "./network/link.ts";
import type { Place } from "./place.ts";

const run = promisify(execFile);

/** The cgroup2 tree; on a machine with both versions it lies below `unified`. */
export const cgroupRoot = existsSync("/sys/fs/cgroup/unified")
	? "/sys/fs/cgroup/unified"
	: "/sys/fs/cgroup";

/** A program of the lab that goes on after the command which started it. */
export interface DaemonOptions {
	readonly argv: readonly string[];
	/** Name of the network namespace that it lives in; without one in the network of the machine. */
	readonly namespace?: string;
	readonly environment?: Readonly<Record<string, string>>;
	/** Asked again and again until it says true or resolves. */
	readonly ready: () => Promise<unknown>;
}

/** How long a program may take until it is ready, in milliseconds. */
const patience = 60_000;

/**
 * A program in a cgroup of its own: found, and ended with all its children, by the cgroup. No pid file can be wrong.
 */
export class Daemon {
	readonly #place: Place;
	readonly #name: string;

	constructor(place: Place, name: string) {
		this.#place = place;
		this.#name = name;
	}

	/** What it printed since its last start. */
	get log(): string {
		return this.#place.path("log", `${this.#name}.log`);
	}

	get #cgroup(): string {
		return join(cgroupRoot, `moltbot-lab-${this.#place.id}-run-${this.#name}`);
	}

	get isRunning(): boolean {
		try {
			return readFileSync(join(this.#cgroup, "cgroup.procs"), "utf8") !== "";
		} catch {
			return false;
		}
	}

	/** Starts it unless it runs, and waits until it is ready. */
	async start(options: DaemonOptions): Promise<void> {
		if (!this.isRunning) this.#spawn(options);
		const deadline = performance.now() + patience;
		for (;;) {
			const cause = await options.ready().then(
				() => undefined,
				(error: unknown) => error ?? new Error("not ready"),
			);
			if (cause === undefined) return;
			const ended = !this.isRunning;
			if (ended || performance.now() > deadline)
				throw new LabError(
					"daemon-failed",
					`${this.#name} of the lab ${ended ? "ended" : "is not ready after a minute"}; last lines of ${this.log}:\n${await this.#lastLines()}`,
					{ cause },
				);
			await sleep(50);
		}
	}

	/** Asks it to end, and kills what is left after some seconds. */
	async stop(): Promise<void> {
		await endCgroup(this.#cgroup, "politely");
	}

	#spawn({ argv, namespace, environment }: DaemonOptions): void {
		mkdirSync(this.#place.path("log"), { recursive: true });
		mkdirSync(this.#cgroup, { recursive: true });
		const log = openSync(this.log, "w", 0o600);
		const inside =
			namespace === undefined
				? []
				: ["nsenter", `--net=${namespacePath(namespace)}`, "--"];
		const [program = "", ...args] = [...inside, ...argv];
		const child = spawn(program, args, {
			cwd: this.#place.folder,
			stdio: ["ignore", log, log],
			detached: true,
			env: {
				PATH: process.env.PATH,
				HOME: this.#place.folder,
				...environment,
			},
		});
		// At once, or it would look as if it had ended already.
		if (child.pid !== undefined)
			writeFileSync(join(this.#cgroup, "cgroup.procs"), String(child.pid));
		child.on("error", (error) => console.error(`${this.#name}:`, error));
		child.unref();
		closeSync(log);
	}

	async #lastLines(): Promise<string> {
		const text = await readFile(this.log, "utf8").catch(() => "");
		return text.trimEnd().split("\n").slice(-15).join("\n");
	}
}

/** A cgroup for commands of this kind; the shell script of the operator enters it. */
export function commandCgroup(place: Place, kind: string): string {
	const folder = join(cgroupRoot, `moltbot-lab-${place.id}-run-${kind}`);
	mkdirSync(folder, { recursive: true });
	return folder;
}

/** Names of this lab's cgroups that are there: programs and hosts, running or left over. */
export function cgroupsOf(place: Place): string[] {
	return readdirSync(cgroupRoot)
		.filter((name) => name.startsWith(`moltbot-lab-${place.id}-`))
		.map((name) => join(cgroupRoot, name));
}

/** Ends every process of a cgroup, then removes it. */
export async function endCgroup(
	folder: string,
	how: "politely" | "at once",
): Promise<void> {
	if (!existsSync(folder)) return;
	if (how === "politely") {
		const processes = await readFile(join(folder, "cgroup.procs"), "utf8");
		// It may have ended meanwhile.
		for (const pid of processes.split("\n").filter(Boolean))
			await run("kill", [pid]).catch(() => undefined);
		const deadline = performance.now() + 10_000;
		while (await isPopulated(folder)) {
			if (performance.now() > deadline) break;
			await sleep(20);
		}
	}
	await writeFile(join(folder, "cgroup.kill"), "1");
	while (await isPopulated(folder)) await sleep(20);
	await removeTree(folder);
}

async function isPopulated(folder: string): Promise<boolean> {
	const events = await readFile(join(folder, "cgroup.events"), "utf8");
	return events.includes("populated 1");
}

async function removeTree(folder: string): Promise<void> {
	for (const entry of readdirSync(folder, { withFileTypes: true }))
		if (entry.isDirectory()) await removeTree(join(folder, entry.name));
	await rmdir(folder);
}
