import {
	type ExecFileSyncOptions,
	execFileSync,
	spawn,
} from "node:child_process";
import { randomUUID } from "node:crypto";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const cgroups = existsSync("/sys/fs/cgroup/unified/cgroup.procs")
	? "/sys/fs/cgroup/unified"
	: "/sys/fs/cgroup";
let count = 0;

const quiet: ExecFileSyncOptions = { stdio: ["ignore", "ignore", "pipe"] };

/** Why this machine has no such disks; undefined where it has. */
export function diskMissing(): string | undefined {
	for (const program of ["mkfs.xfs", "xfs_io"])
		try {
			execFileSync("which", [program]);
		} catch {
			return `needs ${program}`;
		}
	return undefined;
}

/** A file system of its own, as the host has (XFS with reflink), that can lose power; ext4 for one without reflink. */
export class Disk {
	readonly folder: string;
	#image: string;
	readonly #kind: "xfs" | "ext4";

	constructor(dir: string, kind: "xfs" | "ext4" = "xfs", size = "3G") {
		this.folder = join(dir, "disk");
		this.#image = join(dir, "disk.img");
		this.#kind = kind;
		mkdirSync(this.folder, { recursive: true });
		execFileSync("truncate", ["-s", size, this.#image], quiet);
		const make = kind === "xfs" ? ["-q", "-K", "-m", "reflink=1"] : ["-q"];
		execFileSync(`mkfs.${kind}`, [...make, this.#image], quiet);
		this.mount();
	}

	mount(): void {
		// After a power cut the dead file system of the same name may still be known to the kernel.
		const options = this.#kind === "xfs" ? "loop,nouuid" : "loop";
		execFileSync("mount", ["-o", options, this.#image, this.folder], quiet);
	}

	/** Power cut: what was not synced is lost. All that use the disk must be dead by then or die of it. */
	cut(): void {
		if (this.#kind !== "xfs") throw new Error("only XFS can lose power");
		execFileSync("xfs_io", ["-x", "-c", "shutdown", this.folder], quiet);
	}

	/**
	 * Power is back after `cut`: what had reached the disk is there. Goes on with a copy of the image, because whoever
	 * made a mount namespace of its own meanwhile keeps the dead file system alive.
	 */
	powerUp(): void {
		const survived = `${this.#image}+`;
		execFileSync("umount", ["--lazy", this.folder], quiet);
		execFileSync("cp", ["--sparse=always", this.#image, survived], quiet);
		rmSync(this.#image);
		this.#image = survived;
		this.mount();
		this.boot();
	}

	/** The host on it starts anew: the kernel gives that a name of its own, which `host.ts` shows to its commands. */
	boot(): void {
		const temporary = join(this.folder, "tmp");
		if (existsSync(temporary))
			writeFileSync(join(temporary, "boot-id"), `${randomUUID()}\n`);
	}

	/** Waits until nobody uses the disk any more. */
	async unmount(): Promise<void> {
		for (let attempt = 0; ; attempt++)
			try {
				execFileSync("umount", [this.folder], quiet);
				break;
			} catch (error) {
				if (attempt === 200) throw error;
				await sleep(50);
			}
	}
}

/** A cgroup for the agent's processes: what the slice of its user is on a host. */
export class Slice {
	readonly folder: string;

	constructor() {
		count += 1;
		this.folder = join(cgroups, `moltbot-state-${process.pid}-${count}`);
		mkdirSync(this.folder);
	}

	/** Starts a program in it; it ends with the slice at the latest. */
	spawn(file: string, args: readonly string[]): void {
		const child = spawn(
			"sh",
			[
				"-c",
				'echo $$ >"$1/cgroup.procs"; shift; exec "$@"',
				"sh",
				this.folder,
				file,
				...args,
			],
			{ stdio: ["ignore", "ignore", "inherit"] },
		);
		child.unref();
	}

	get frozen(): boolean {
		return readFileSync(join(this.folder, "cgroup.events"), "utf8").includes(
			"frozen 1",
		);
	}

	/** Kills all in it, at once. */
	async kill(): Promise<void> {
		writeFileSync(join(this.folder, "cgroup.kill"), "1");
		while (readFileSync(join(this.folder, "cgroup.procs"), "utf8") !== "")
			await sleep(10);
	}

	async remove(): Promise<void> {
		await this.kill();
		for (let attempt = 0; ; attempt++)
			try {
				rmdirSync(this.folder);
				return;
			} catch (error) {
				if (attempt === 100) throw error;
				await sleep(20);
			}
	}
}

/** A disk and a slice for one test, taken away in the right order after it. */
export function machine(
	t: TestContext,
	kind: "xfs" | "ext4" = "xfs",
	size = "3G",
) {
	const dir = mkdtempSync(join(tmpdir(), "moltbot-state-"));
	const disk = new Disk(dir, kind, size);
	const slice = new Slice();
	const unit = new Slice();
	t.after(async () => {
		await slice.remove();
		await unit.remove();
		await disk.unmount();
		rmSync(dir, { recursive: true, force: true });
	});
	return { disk, slice, unit };
}
