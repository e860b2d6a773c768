import { spawn } from "node:child_process";
import {
	existsSync,
	globSync,
	mkdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fields } from "../infra/settings.ts";
import { withLock } from "../tools/cache.mjs";
import { stateUrl } from "../tools/pulumiCli.ts";
import { tool, toolsOnPath } from "../tools/setup.ts";
import { type Account, credentials } from "./account.ts";
import { trustEnvironment } from "./clouds/server.ts";
import { commandCgroup, endCgroup } from "./daemon.ts";
import { asOperator } from "./network/asOperator.ts";
import { type Place, repository } from "./place.ts";
import { settingsOf, settingsSchema, stackFile } from "./stackFile.ts";

/** Name of the stack, and so of its file at the root of the repository. */
export const stackName = "lab";
/** Kind of command that changes the stack. */
const engine = "pulumi";
const tracked = join(repository, `Pulumi.${stackName}.yaml`);

/** How a command of the operator ended. */
export interface Ended {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/**
 * The operator at his machine: in the lab's network, with the lab's resolver, credentials, Pulumi state and stack file. Nothing of
 * the machine's own is touched: what differs is laid over it in namespaces that end with the command.
 */
export class Operator {
	readonly #place: Place;
	readonly #account: Account;
	readonly #commands: string;
	/** What lies over files of the checkout, by path below its root. */
	readonly #edits = new Map<string, string>();

	/** @param commands folder with the lab's `tailscale` */
	constructor(place: Place, account: Account, commands: string) {
		this.#place = place;
		this.#account = account;
		this.#commands = commands;
	}

	/** The stack's file as this lab has it. */
	get #stackFile(): string {
		return this.#place.path(`Pulumi.${stackName}.yaml`);
	}

	/** The host's name on the tailnet, by the stack's settings. */
	get hostname(): string {
		const text = existsSync(this.#stackFile)
			? readFileSync(this.#stackFile, "utf8")
			: "";
		const set = /^\s*moltbot:hostname:\s*"?([a-z0-9-]+)"?\s*$/m.exec(text);
		return set?.[1] ?? fields.hostname.fallback ?? "moltbot";
	}

	/**
	 * From now on his commands see this text in that file of the checkout; the file itself stays as it is.
	 *
	 * @param path below the root of the checkout, of a file that is there
	 */
	edit(path: string, text: string): void {
		const file = this.#place.path("operator", "edits", path);
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(file, text);
		this.#edits.set(path, file);
	}

	/** Takes all edits back. */
	unedit(): void {
		this.#edits.clear();
	}

	/** Runs a command with the caller's terminal. */
	async run(argv: readonly string[]): Promise<number> {
		const child = await this.#spawn(argv, "inherit");
		return new Promise((resolve, reject) => {
			// The terminal sends these to the whole group; the child decides.
			const ignore = () => {};
			process.on("SIGINT", ignore);
			child.on("error", reject);
			child.on("close", (code) => {
				process.off("SIGINT", ignore);
				resolve(code ?? 130);
			});
		});
	}

	/** Runs a pulumi command that changes the stack, one at a time. */
	change(argv: readonly string[]): Promise<number> {
		return withLock(`stack ${this.#place.folder}`, async () => {
			await this.clear();
			return this.run(argv);
		});
	}

	/** Clears what a killed pulumi command has left: an engine without a terminal, its lock on the stack. */
	async clear(): Promise<void> {
		await endCgroup(commandCgroup(this.#place, engine), "politely");
		const locks = this.#place.path("backend/.pulumi/locks/**/*.json");
		if (globSync(locks).length === 0) return;
		const { code, stderr } = await this.ask(["pulumi", "cancel", "--yes"]);
		if (code !== 0) throw new Error(`pulumi cancel: ${stderr}`);
	}

	/** Runs a command and keeps what it says. */
	async ask(
		argv: readonly string[],
		options: { stdin?: string; signal?: AbortSignal } = {},
	): Promise<Ended> {
		const child = await this.#spawn(argv, "pipe", options.signal);
		let stdout = "";
		let stderr = "";
		child.stdout?.setEncoding("utf8").on("data", (text: string) => {
			stdout += text;
		});
		child.stderr?.setEncoding("utf8").on("data", (text: string) => {
			stderr += text;
		});
		child.stdin?.end(options.stdin);
		return new Promise((resolve, reject) => {
			child.on("error", reject);
			child.on("close", (code) =>
				resolve({ code: code ?? 130, stdout, stderr }),
			);
		});
	}

	/**
	 * Makes the stack where there is none, and writes its file: the tracked settings, those of this lab, and what `pulumi config`
	 * has changed since.
	 */
	async prepareStack(
		settings: Readonly<Record<string, string>>,
	): Promise<void> {
		for (const folder of ["pulumi", "backend", "operator"])
			mkdirSync(this.#place.path(folder), { recursive: true, mode: 0o700 });
		const ours = Object.entries(settings).map(
			([key, value]) => [`moltbot:${key}`, value] as const,
		);
		const given = {
			...settingsOf(readFileSync(tracked, "utf8")),
			...Object.fromEntries(ours),
		};
		const before = existsSync(this.#stackFile)
			? readFileSync(this.#stackFile, "utf8")
			: "";
		const note = this.#place.path("operator", "settings.json");
		// An abort between the two files leaves no note; then all settings count as the lab's.
		const written = existsSync(note)
			? settingsSchema.parse(JSON.parse(readFileSync(note, "utf8")))
			: settingsOf(before);
		const text = stackFile(given, written, before);
		rmSync(note, { force: true });
		writeFileSync(this.#stackFile, text, { mode: 0o600 });
		writeFileSync(note, JSON.stringify(given), { mode: 0o600 });
		if (/^encryptionsalt:/m.test(text) && existsSync(this.#stateFile)) return;
		const made = await this.ask(["pulumi", "stack", "init", stackName]);
		if (made.code !== 0) throw new Error(`pulumi stack init: ${made.stderr}`);
	}

	get #stateFile(): string {
		return this.#place.path(
			...["backend", ".pulumi", "stacks", "moltbot", `${stackName}.json`],
		);
	}

	async #spawn(
		argv: readonly string[],
		stdio: "inherit" | "pipe",
		signal?: AbortSignal,
	) {
		const [program = "", ...args] = asOperator(this.#place, argv, [
			[this.#stackFile, tracked],
			...[...this.#edits].map(
				([path, file]) => [file, join(repository, path)] as const,
			),
		]);
		return spawn(program, args, {
			cwd: repository,
			stdio,
			env: {
				...(await this.#environment()),
				LAB_CGROUP: commandCgroup(
					this.#place,
					argv[0] === "pulumi" ? engine : "operator",
				),
			},
			...(signal ? { signal } : {}),
		});
	}

	async #environment(): Promise<NodeJS.ProcessEnv> {
		const home = this.#place.path("operator", "home");
		mkdirSync(home, { recursive: true, mode: 0o700 });
		const tools = await toolsOnPath([
			...(["node", "pulumi", "pulumi-language-nodejs"] as const),
		]);
		await tool("tailscale");
		return {
			PATH: `${this.#commands}:${tools}`,
			HOME: home,
			TERM: process.env.TERM,
			LANG: process.env.LANG ?? "C.UTF-8",
			...trustEnvironment(join(this.#place.clouds, "ca", "ca.pem")),
			...credentials(this.#account),
			PULUMI_HOME: this.#place.path("pulumi"),
			PULUMI_BACKEND_URL: stateUrl(this.#place.path("backend")),
			PULUMI_STACK: stackName,
			PULUMI_SKIP_UPDATE_CHECK: "true",
			PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
			PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
		};
	}
}
