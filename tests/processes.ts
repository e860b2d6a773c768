import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

/** What a child says until it ends, and its exit status: null where a signal ended it. */
export async function outputOf(
	child: ChildProcess & {
		readonly stdout: Readable;
		readonly stderr: Readable;
	},
): Promise<{ status: number | null; stdout: string; stderr: string }> {
	const [[status], stdout, stderr] = await Promise.all([
		once(child, "close"),
		text(child.stdout),
		text(child.stderr),
	]);
	return { status: status as number | null, stdout, stderr };
}

/**
 * Kills every process whose environment says `name=value`, whoever its parent is by now: the engine puts each plugin into a
 * process group of its own, and a plugin outlives an engine that was killed. Linux only; elsewhere nothing is found.
 */
export function killMarked(name: string, value: string): void {
	if (process.platform !== "linux") return;
	const mark = `\0${name}=${value}\0`;
	for (const entry of readdirSync("/proc")) {
		const pid = Number(entry);
		if (!Number.isInteger(pid) || pid === process.pid) continue;
		try {
			const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
			if (`\0${environment}`.includes(mark)) process.kill(pid, "SIGKILL");
		} catch (error) {
			const { code = "" } = error as NodeJS.ErrnoException;
			// It ended meanwhile, or belongs to somebody else.
			if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) throw error;
		}
	}
}
