import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";

const module = new URL("../../../tools/butane/", import.meta.url).pathname;

export type ReferenceProblem = {
	severity: string;
	path: string;
	message: string;
	/** The reference did not find the way back to the document; `path` is that in the output. */
	lost?: boolean;
};

export type Answer = {
	ignition?: unknown;
	error?: string;
	problems: ReferenceProblem[] | null;
};

export const go = (...args: string[]) =>
	spawnSync("go", args, { cwd: module, encoding: "utf8" });

/** Builds the wrapper of the reference, once for its sources, and returns its path. */
function build(): string {
	const cache =
		process.env.MOLTBOT_CACHE ??
		join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "moltbot");
	mkdirSync(cache, { recursive: true });
	const hash = createHash("sha256");
	for (const file of ["main.go", "go.mod", "go.sum"])
		hash.update(readFileSync(join(module, file)));
	const binary = join(cache, `butane-${hash.digest("hex").slice(0, 16)}`);
	if (existsSync(binary)) return binary;
	const built = go("build", "-o", `${binary}.${process.pid}`, ".");
	if (built.status !== 0) throw new Error(built.stderr);
	renameSync(`${binary}.${process.pid}`, binary);
	return binary;
}

/** One long-lived process of the reference; questions are answered in their order. */
export class Reference {
	readonly #child: ChildProcess;
	readonly #lines: Interface;
	readonly #answers: AsyncIterator<string>;

	constructor() {
		const child = spawn(build(), { stdio: ["pipe", "pipe", "inherit"] });
		this.#child = child;
		this.#lines = createInterface({ input: child.stdout });
		this.#answers = this.#lines[Symbol.asyncIterator]();
	}
	async ask(document: string, filesDir = ""): Promise<Answer> {
		const encoded = Buffer.from(document).toString("base64");
		this.#child.stdin?.write(
			`${JSON.stringify({ document: encoded, filesDir })}\n`,
		);
		const { value, done } = await this.#answers.next();
		if (done) throw new Error("the reference ended");
		return JSON.parse(value) as Answer;
	}
	stop(): void {
		this.#child.stdin?.end();
	}
}
