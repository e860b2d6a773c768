import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { cached, cacheFolder, contentKey } from "../../../tools/cache.mjs";

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

/** What a program of the module makes, once for its sources: `make` fills a folder. */
function made(
	name: string,
	sources: readonly string[],
	make: (folder: string) => string[],
): Promise<string> {
	const key = contentKey(
		...["go.mod", "go.sum", ...sources].map((file) =>
			readFileSync(join(module, file)),
		),
	);
	return cached(join(cacheFolder(), `${name}-${key}`), async (folder) => {
		const { status, stderr } = go(...make(folder));
		if (status !== 0) throw new Error(stderr);
	});
}

/** A folder with the inputs of the reference's own table tests: documents `NAME.bu`, some with a folder `NAME.files`. */
export const referenceInputs = (): Promise<string> =>
	made(
		"butane-inputs",
		["inputs/main.go", "inputs/record/record.go"],
		(folder) => ["run", "./inputs", folder],
	);

/** One long-lived process of the reference; questions are answered in their order. */
export class Reference {
	readonly #child: ChildProcess;
	readonly #lines: Interface;
	readonly #answers: AsyncIterator<string>;

	/** Builds the wrapper of the reference if it is not there yet. */
	static async start(): Promise<Reference> {
		const folder = await made("butane-reference", ["main.go"], (folder) => [
			"build",
			"-o",
			join(folder, "reference"),
			".",
		]);
		return new Reference(join(folder, "reference"));
	}

	private constructor(program: string) {
		const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
		this.#child = child;
		this.#lines = createInterface({ input: child.stdout });
		this.#answers = this.#lines[Symbol.asyncIterator]();
	}
	async ask(document: string | Uint8Array, filesDir = ""): Promise<Answer> {
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
