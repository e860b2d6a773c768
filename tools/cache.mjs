// What the set-up shares: where the cache folder is, and a lock that ends with its process.
// Plain JavaScript, because tools/node24.mjs runs it under whatever Node the machine has (20 or newer).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

/** Folder for downloads and builds: MOLTBOT_CACHE, else `moltbot` in the user's cache folder. */
export function cacheFolder() {
	if (process.env.MOLTBOT_CACHE) return process.env.MOLTBOT_CACHE;
	const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
	return join(base, "moltbot");
}

/** First 16 hex digits of the SHA-256 of these parts. */
export function contentKey(...parts) {
	const hash = createHash("sha256");
	for (const part of parts) hash.update(part).update("\0");
	return hash.digest("hex").slice(0, 16);
}

/**
 * Runs `work` while no other process on this machine holds the lock of that name.
 * The lock is an abstract socket of Linux, so the kernel drops it when its holder dies: no stale lock files. Elsewhere
 * there is no lock; results are moved into place in one step, so the worst case is work done twice.
 */
export async function withLock(name, work) {
	if (process.platform !== "linux") return work();
	const address = `\0moltbot/${contentKey(cacheFolder(), name)}`;
	const waiting = new Set();
	const server = createServer((socket) => {
		waiting.add(socket);
		socket.on("error", () => {});
	});
	while (!(await tryListen(server, address))) await untilReleased(address);
	server.unref();
	try {
		return await work();
	} finally {
		server.close();
		for (const socket of waiting) socket.destroy();
	}
}

function tryListen(server, address) {
	return new Promise((resolve, reject) => {
		const failed = (error) =>
			error.code === "EADDRINUSE" ? resolve(false) : reject(error);
		server.once("error", failed);
		server.listen(address, () => {
			server.off("error", failed);
			resolve(true);
		});
	});
}

/** The holder keeps our connection open until it lets go or dies. */
function untilReleased(address) {
	return new Promise((resolve) => {
		const socket = connect(address);
		socket.on("error", () => {});
		socket.on("close", () => resolve(undefined));
	});
}

/**
 * The folder `path` of the cache, filled once by `fill(temporaryFolder)` and moved into place in one step.
 * Its name must say what is in it, by content or version: what exists is never filled again.
 */
export async function cached(path, fill) {
	if (existsSync(path)) return path;
	return withLock(path, async () => {
		if (existsSync(path)) return path;
		const temporary = join(
			dirname(path),
			`.${basename(path)}.${process.pid}.new`,
		);
		rmSync(temporary, { recursive: true, force: true });
		mkdirSync(temporary, { recursive: true });
		try {
			await fill(temporary);
			renameSync(temporary, path);
		} finally {
			rmSync(temporary, { recursive: true, force: true });
		}
		return path;
	});
}

/**
 * Says on stderr what takes long: a line at the start and one at the end with the elapsed time.
 */
export async function step(title, work) {
	const start = Date.now();
	const seconds = () => `${((Date.now() - start) / 1000).toFixed(0)} s`;
	process.stderr.write(`set-up: ${title} …\n`);
	const tick = setInterval(
		() => process.stderr.write(`set-up: ${title} … ${seconds()}\n`),
		30_000,
	);
	try {
		const result = await work();
		process.stderr.write(`set-up: ${title}: done in ${seconds()}\n`);
		return result;
	} finally {
		clearInterval(tick);
	}
}
