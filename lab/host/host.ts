import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LabHostError } from "./errors.ts";

const run = promisify(execFile);
const bootScript = fileURLToPath(new URL("boot.sh", import.meta.url));

/** How boot.sh ends where Ignition refuses the document. */
const ignitionFailed = 64;

/** What a lab host is made from; absolute paths. */
export interface HostOptions {
	/** Unique on this machine: names the cgroup and the systemd-nspawn machine. */
	readonly id: string;
	/** Folder of this host alone: disk, mounts, logs. */
	readonly dir: string;
	/** Path of the network namespace that it lives in. */
	readonly netns: string;
	readonly rootTree: string;
	readonly tools: string;
	readonly ignition: string;
	/** Where Ignition gets its document: from a file, or from Vultr's metadata address in the namespace. */
	readonly config: { platform: "file"; path: string } | { platform: "vultr" };
}

/** One machine of the lab: a disk that outlives its boots, and at most one running boot. */
export class LabHost {
	readonly options: HostOptions;
	readonly #cgroup: string;
	#supervisor: ChildProcess | undefined;
	/** Boots and power-offs that were asked for. */
	#boots = 0;
	/** Boots the host and stays with it; what it needs is in the environment. */
	protected readonly script: string = bootScript;

	constructor(options: HostOptions) {
		this.options = options;
		const hybrid = "/sys/fs/cgroup/unified";
		this.#cgroup = join(
			existsSync(hybrid) ? hybrid : "/sys/fs/cgroup",
			`moltbot-lab-${options.id}`,
		);
	}

	/** Where the console of every boot is appended. */
	get console(): string {
		return join(this.options.dir, "console.log");
	}

	/** Makes the disk if there is none yet, applies Ignition to a new one, and starts systemd. Returns at once. */
	async boot(): Promise<void> {
		await this.powerOff();
		const { options } = this;
		mkdirSync(this.#cgroup, { recursive: true });
		mkdirSync(options.dir, { recursive: true });
		const log = openSync(this.console, "a");
		this.#supervisor = spawn(this.script, [], {
			stdio: ["ignore", log, log],
			detached: true,
			env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...this.environment() },
		});
		// At once, and not by the script: a host that has just been booted must not look as if it were off.
		const { pid } = this.#supervisor;
		if (pid !== undefined)
			await writeFile(join(this.#cgroup, "cgroup.procs"), String(pid));
		this.#supervisor.unref();
		closeSync(log);
	}

	/** What the script is told; see there. */
	protected environment(): Record<string, string> {
		const { dir, rootTree, tools, ignition, netns, id, config } = this.options;
		return {
			HOST_DIR: dir,
			ROOT_TREE: rootTree,
			TOOLS: tools,
			IGNITION: ignition,
			NETNS: netns,
			MACHINE: id,
			PLATFORM: config.platform,
			CONFIG: config.platform === "file" ? config.path : "",
		};
	}

	/** Runs a command as root inside, by the lab's privilege: for tests and the console verb, never for stage messages. */
	async exec(
		argv: readonly string[],
		signal?: AbortSignal,
	): Promise<{ stdout: string; stderr: string }> {
		const init = await this.#init();
		if (init === undefined) throw this.notRunning();
		return run(
			"nsenter",
			[
				`--target=${init}`,
				"--mount",
				"--uts",
				"--ipc",
				"--net",
				"--pid",
				"--no-fork",
				"--",
				"/usr/bin/env",
				"-i",
				"PATH=/usr/local/bin:/usr/sbin:/usr/bin",
				// nsenter itself would stop with its child: at a shutdown systemd stops all processes, and the host would wait for ever
				// for one that nobody reaps.
				...["/bin/sh", "-c", '"$@"; exit "$?"', "sh"],
				...argv,
			],
			signal ? { signal } : {},
		);
	}

	/** Waits until systemd has finished starting up (running or degraded). */
	async waitUntilUp(signal: AbortSignal): Promise<void> {
		for (;;) {
			if (signal.aborted)
				throw new LabHostError("boot-timeout", await this.#whyNotUp(), {
					cause: signal.reason,
				});
			const code = this.#supervisor?.exitCode;
			if (code !== undefined && code !== null)
				throw new LabHostError(
					"boot-failed",
					`lab host ${this.options.id} ended with exit code ${code} instead of booting; last lines of ${this.console}:\n${await this.#lastLines()}`,
				);
			const ask = ["systemctl", "is-system-running", "--wait"];
			const state = await this.exec(ask, signal).then(
				(answer) => answer.stdout.trim(),
				(error: { stdout?: string }) => error.stdout?.trim(),
			);
			if (state === "running" || state === "degraded") return;
			await sleep(100);
		}
	}

	/** Whether it is powered on, also after another process has booted it. */
	async isRunning(): Promise<boolean> {
		const events = await readFile(
			join(this.#cgroup, "cgroup.events"),
			"utf8",
		).catch(() => "");
		return events.includes("populated 1");
	}

	/**
	 * Waits until it is off: `guest` if it was its own doing (or a crash), `asked` after powerOff and the like. A host whose first
	 * boot Ignition has refused stays on, as a machine in its emergency shell does, until somebody powers it off.
	 */
	async off(signal: AbortSignal): Promise<"guest" | "asked"> {
		const boot = this.#boots;
		while (await this.isRunning())
			await sleep(500, undefined, { signal, ref: false });
		const refused = this.#supervisor?.exitCode === ignitionFailed;
		while (refused && this.#boots === boot)
			await sleep(500, undefined, { signal, ref: false });
		return this.#boots === boot ? "guest" : "asked";
	}

	/** Hard power-off: kills everything at once. What the page cache holds still reaches the disk. */
	async powerOff(): Promise<void> {
		this.#boots += 1;
		if (!existsSync(this.#cgroup)) return;
		await writeFile(join(this.#cgroup, "cgroup.kill"), "1");
		while (await this.isRunning()) await sleep(20);
		// The kernel unmounts after the last process is gone; until then the disk must not be mounted again.
		while (await isAttached(this.options.dir)) await sleep(20);
		await removeCgroup(this.#cgroup);
		this.#supervisor = undefined;
	}

	/** Power cut: like powerOff, but data that was not synced is lost (XFS shutdown without log flush). */
	async cutPower(): Promise<void> {
		// boot.sh itself: the only process that stays at the top of the cgroup.
		const top = await readFile(
			join(this.#cgroup, "cgroup.procs"),
			"utf8",
		).catch(() => "");
		const supervisor = top.split("\n")[0];
		if (!supervisor) throw this.notRunning();
		await run("nsenter", [
			`--target=${supervisor}`,
			"--mount",
			"--",
			"/usr/sbin/xfs_io",
			"-x",
			"-c",
			"shutdown",
			"/run/host/disk",
		]);
		await this.powerOff();
	}

	/** Hard power-off, then the disk is gone. */
	async destroy(): Promise<void> {
		await this.powerOff();
		await rm(this.options.dir, { recursive: true, force: true });
	}

	protected notRunning(): LabHostError {
		return new LabHostError(
			"not-running",
			`lab host ${this.options.id} is not running: boot it first`,
		);
	}

	async #whyNotUp(): Promise<string> {
		const jobs = await this.exec([
			"systemctl",
			"list-jobs",
			"--no-pager",
			"--no-legend",
		]).catch(() => undefined);
		const waiting = jobs?.stdout.trimEnd() ?? (await this.#lastLines());
		return `lab host ${this.options.id} did not finish booting in time; it still waits for:\n${waiting}`;
	}

	async #lastLines(): Promise<string> {
		const text = await readFile(this.console, "utf8").catch(() => "");
		return text.trimEnd().split("\n").slice(-15).join("\n");
	}

	/** The machine's process id of the host's PID 1. */
	async #init(): Promise<number | undefined> {
		for (const pid of await processesIn(this.#cgroup)) {
			const status = await readFile(`/proc/${pid}/status`, "utf8").catch(
				() => "",
			);
			const ids = /^NSpid:\t(.+)$/m.exec(status)?.[1]?.split("\t") ?? [];
			// Two numbers: the machine's and the host's. Containers inside the host show three.
			if (ids.length === 2 && ids[1] === "1") return pid;
		}
		return undefined;
	}
}

/** Process ids in a cgroup and below. Those below come and go meanwhile; who is in none of them is found all the same. */
async function processesIn(folder: string): Promise<number[]> {
	const [list, entries] = await Promise.all([
		readFile(join(folder, "cgroup.procs"), "utf8").catch(() => ""),
		readdir(folder, { withFileTypes: true }).catch(() => []),
	]);
	const below = entries
		.filter((entry) => entry.isDirectory())
		.map(({ name }) => processesIn(join(folder, name)));
	return [
		...list.split("\n").filter(Boolean).map(Number),
		...(await Promise.all(below)).flat(),
	];
}

/** Whether a loop device lies on a file of this folder. */
async function isAttached(folder: string): Promise<boolean> {
	for (const device of await readdir("/sys/block")) {
		const file = await readFile(
			`/sys/block/${device}/loop/backing_file`,
			"utf8",
		).catch(() => "");
		if (file.startsWith(`${folder}/`)) return true;
	}
	return false;
}

async function removeCgroup(folder: string): Promise<void> {
	for (const entry of await readdir(folder, { withFileTypes: true }).catch(
		() => [],
	))
		if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
	await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== "ENOENT") throw error;
	});
}
