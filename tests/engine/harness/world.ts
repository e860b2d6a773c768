// The world of an engine test: the stand-in clouds in this process, a copy of the program with a stack of its own, and
// the real engine as a child process that reaches the clouds under their real names through a proxy.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import {
	cpSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { backblaze } from "../../../lab/clouds/backblaze/index.ts";
import {
	type ControlClient,
	controlClient,
} from "../../../lab/clouds/client.ts";
import type { World as Lab } from "../../../lab/clouds/cloud.ts";
import { createOnePassword } from "../../../lab/clouds/onepassword/index.ts";
import { registry } from "../../../lab/clouds/registry/index.ts";
import { emptyImage } from "../../../lab/clouds/registry/testing.ts";
import { startClouds } from "../../../lab/clouds/server.ts";
import { createTailscale } from "../../../lab/clouds/tailscale/index.ts";
import { createVultr } from "../../../lab/clouds/vultr/index.ts";
import { createWorld } from "../../../lab/clouds/world.ts";
import { stateUrl } from "../../../tools/pulumiCli.ts";
import { tool, toolsOnPath } from "../../../tools/setup.ts";
import {
	canaries,
	cloudOptions,
	credentials,
	imageSettings,
	stackSettings,
} from "./account.ts";
import { Engine, type Run } from "./engine.ts";
import { type ModelHypervisor, modelHypervisor } from "./modelHost.ts";
import { type Gate, gated, isMutation } from "./mutations.ts";
import { changeSecret, makeBucket, newB2Key } from "./operator.ts";

export { canaries } from "./account.ts";
export type { Run } from "./engine.ts";
export type { Delivery } from "./modelHost.ts";
export { isMutation } from "./mutations.ts";

const repository = join(import.meta.dirname, "..", "..", "..");
/** What the program is made of. */
const sources = [
	"Pulumi.yaml",
	"package.json",
	"infra",
	"packages",
	"butane",
	"quadlets",
	"agent-config",
];

/** What comes over SSH and changes nothing. */
export const asks = ["true", "sudo moltbot status --json"];

/** Where the engine is to be killed. */
interface Target {
	call: RegExp;
	when: "before" | "after";
	/** How many calls that fit are still to come. */
	nth: number;
}

/** Options of a run. */
export interface RunOptions {
	/** Further arguments. */
	args?: string[];
	/** Further environment; `undefined` takes a variable away. */
	environment?: NodeJS.ProcessEnv;
}

/** The world of a test. */
export interface World {
	/** Clouds: request log, faults, clock. */
	readonly control: ControlClient;
	readonly lab: Lab;
	/** Hosts, and how they behave. */
	readonly hypervisor: ModelHypervisor;
	/** Folder with the copy of the program; a test may change files in it. */
	readonly project: string;
	/** Where Pulumi keeps the state. */
	readonly backend: string;
	/** Environment of the operator: credentials, and the way to the clouds. */
	readonly environment: NodeJS.ProcessEnv;
	/** Settings that name another build of every image; it is at the registries too. */
	readonly nextImages: Readonly<Record<string, string>>;
	/** Settings of the stack, as `pulumi config set` would write them. */
	configure(settings: Record<string, string>): void;
	/** Gives an item of the operator's vault another secret, as its owner does in 1Password. */
	changeSecret(title: string, value: string): Promise<void>;
	/** Makes a bucket in the operator's account that has nothing to do with moltbot. */
	makeBucket(name: string): Promise<void>;
	/** From now on the operator has other credentials for all four clouds, and those of before are worth nothing. */
	rotateCredentials(): Promise<void>;
	/** Changes a file of the program's copy. */
	edit(path: string, change: (text: string) => string): void;
	up(options?: RunOptions): Promise<Run>;
	preview(options?: RunOptions): Promise<Run>;
	refresh(options?: RunOptions): Promise<Run>;
	destroy(options?: RunOptions): Promise<Run>;
	cancel(): Promise<Run>;
	/** The stack's state as text, as `stack export` gives it: secrets encrypted, unless told otherwise. */
	export(...args: readonly string[]): Promise<string>;
	/** Stack outputs. */
	outputs(): Promise<Record<string, unknown>>;
	/**
	 * All that happened, in its order: `METHOD host/path status` when a cloud had answered, `ssh g<generation> command` when a
	 * host had. Empty it to begin anew.
	 */
	readonly timeline: string[];
	/** Requests of the engine that changed something, `METHOD host/path`, since the log was last cleared. */
	mutations(): Promise<string[]>;
	/** Takes a copy of the state, and puts it back, as who restores an old one. */
	copyState(): { restore(): void };
	/** What somebody does in the Vultr console: `POST /instances/<id>/halt`. */
	atVultr(method: string, path: string): Promise<void>;
	/** Begins an empty stack, as if the state had been lost; the clouds keep what they have. */
	loseState(): Promise<void>;
	/**
	 * The engine and its plugins are killed at the n-th mutating call from now on that fits (`METHOD host/path`, or
	 * `ssh g<generation> command`): `before` it is performed, or `after` it was performed and before it is answered. The next
	 * run is an ordinary one.
	 */
	killAt(call: RegExp, when: "before" | "after", nth?: number): void;
	/** Whether the call of the last `killAt` is still to come. */
	readonly killIsPending: boolean;
	/** Mutating calls since the last `killAt`, or since the start. */
	readonly mutationCount: number;
}

/** Makes a world for a test or a suite; it is taken down after it. Needs root, because model hosts listen on port 22. */
export async function startWorld(
	t: Pick<TestContext, "after">,
): Promise<World> {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-engine-"));
	// Last come, first to end: what closes late would write into a folder that is gone.
	const ends: (() => unknown)[] = [
		() => rmSync(folder, { recursive: true, force: true }),
	];
	t.after(async () => {
		for (const end of ends) await end();
	});
	const layouts = { test: join(folder, "image"), next: join(folder, "next") };
	const digest = await emptyImage(layouts.test, "first");
	const nextDigest = await emptyImage(layouts.next, "second");
	const options = cloudOptions(layouts);

	const lab = createWorld(join(folder, "clouds"));
	let engine: Engine | undefined;
	let count = 0;
	let target: Target | undefined;
	const hit = (when: "before" | "after", call: string) => {
		if (target?.when !== when || !target.call.test(call)) return false;
		target.nth -= 1;
		if (target.nth > 0) return false;
		target = undefined;
		engine?.kill();
		return true;
	};
	const timeline: string[] = [];
	const revoked: string[] = [];
	const gate: Gate = {
		answered: (call, status) => void timeline.push(`${call} ${status}`),
		revoked: (content) => revoked.some((secret) => content.includes(secret)),
		before(call) {
			count += 1;
			return hit("before", call)
				? new Response(null, { status: 503 })
				: undefined;
		},
		after(call) {
			hit("after", call);
		},
	};

	const storage = await backblaze(lab, options.backblaze);
	const tailscale = createTailscale(lab, options.tailscale);
	if (!tailscale.coordination) throw new Error("the tailnet is not in memory");
	const hypervisor = modelHypervisor({
		network: ownNetwork(),
		coordination: tailscale.coordination,
		backblaze: storage,
		clock: lab.clock,
		hostKey: generateKeyPairSync("rsa", { modulusLength: 2048 })
			.privateKey.export({ type: "pkcs1", format: "pem" })
			.toString(),
		before: ({ generation }, command) => {
			if (asks.includes(command)) return true;
			count += 1;
			return !hit("before", `ssh g${generation} ${command}`);
		},
		ran: ({ generation }, command) => {
			const call = `ssh g${generation} ${command}`;
			timeline.push(call);
			if (!asks.includes(command)) hit("after", call);
		},
	});
	const vaults = createOnePassword(lab, options.onepassword);
	const vultr = createVultr(lab, options.vultr, hypervisor);
	const clouds = [
		vultr,
		tailscale,
		storage,
		vaults,
		await registry(lab, options.registry),
	];
	const running = await startClouds({
		world: lab,
		clouds: clouds.map((cloud) => gated(cloud, gate)),
		proxyListen: "127.0.0.1:0",
	});
	ends.unshift(async () => {
		engine?.kill();
		await running.close();
		await hypervisor.close();
	});

	const home = join(folder, "home");
	const project = join(folder, "project");
	copyProgram(project);
	const backend = join(folder, "backend");
	mkdirSync(backend);
	const environment = {
		PATH: await toolsOnPath(["node", "pulumi", "pulumi-language-nodejs"]),
		HOME: home,
		...running.environment,
		...credentials,
		PULUMI_HOME: home,
		PULUMI_BACKEND_URL: stateUrl(backend),
		// Every run starts the same half a dozen Node programs.
		NODE_COMPILE_CACHE: join(scratch(), "compiled"),
		// Killed engines leave their pipes.
		TMPDIR: scratch(),
		PULUMI_SKIP_UPDATE_CHECK: "true",
		PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
		PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
		// --event-log is one of these.
		PULUMI_DEBUG_COMMANDS: "true",
	};
	engine = new Engine(await tool("pulumi"), project, environment);
	const settings: Record<string, string> = stackSettings(digest);
	const stack = createStack(engine, project, settings);
	await stack.create();

	const control = controlClient(running.controlSocket);
	const rotated: NodeJS.ProcessEnv = {};
	const operation =
		(command: string, ...first: string[]) =>
		({ args = [], environment = {} }: RunOptions = {}) =>
			engine.run(command, [...first, ...args], {
				environment: { ...rotated, ...environment },
				log: true,
			});
	return {
		backend,
		environment,
		nextImages: imageSettings(nextDigest),
		timeline,
		changeSecret: (title, value) => changeSecret(vaults, title, value),
		makeBucket: (name) => makeBucket(storage, name),
		async rotateCredentials() {
			const b2 = await newB2Key(storage);
			Object.assign(rotated, b2, {
				VULTR_API_KEY: canaries.nextVultrKey,
				TAILSCALE_API_KEY: canaries.nextTailscaleKey,
				OP_CONNECT_TOKEN: canaries.nextConnectToken,
			});
			const { vultrKey, tailscaleKey, b2Key, connectToken } = canaries;
			revoked.push(vultrKey, tailscaleKey, b2Key, connectToken);
		},
		control,
		lab,
		hypervisor,
		project,
		configure: stack.configure,
		edit(path, change) {
			const file = join(project, path);
			writeFileSync(file, change(readFileSync(file, "utf8")));
		},
		up: operation("up", "--yes", "--skip-preview"),
		preview: operation("preview"),
		refresh: operation("refresh", "--yes", "--skip-preview"),
		destroy: operation("destroy", "--yes", "--skip-preview"),
		cancel: () => engine.run("cancel", ["--yes"]),
		export: async (...args) =>
			(await engine.run("stack", ["export", ...args])).stdout,
		async outputs() {
			const { stdout } = await engine.run("stack", ["output", "--json"]);
			return JSON.parse(stdout) as Record<string, unknown>;
		},
		async mutations() {
			const requests = await control.requests();
			return requests
				.filter(isMutation)
				.map(({ method, host, path }) => `${method} ${host}${path}`);
		},
		copyState() {
			const copy = join(folder, randomUUID());
			cpSync(backend, copy, { recursive: true });
			return {
				restore() {
					rmSync(backend, { recursive: true });
					cpSync(copy, backend, { recursive: true });
				},
			};
		},
		async atVultr(method, path) {
			const response = await vultr.app.fetch(
				new Request(`https://api.vultr.com/v2${path}`, {
					method,
					headers: { authorization: `Bearer ${credentials.VULTR_API_KEY}` },
				}),
			);
			if (!response.ok) throw new Error(await response.text());
			await vultr.idle();
		},
		async loseState() {
			rmSync(backend, { recursive: true });
			mkdirSync(backend);
			await stack.create();
		},
		killAt(call, when, nth = 1) {
			count = 0;
			target = { call, when, nth };
		},
		get killIsPending() {
			return target !== undefined;
		},
		get mutationCount() {
			return count;
		},
	};
}

/** A world that all tests of a suite live in, one after another; to be called in the body of the suite. */
export function sharedWorld(): () => World {
	let world: World | undefined;
	let end: (() => unknown) | undefined;
	before(async () => {
		world = await startWorld({
			after(given) {
				end = given as () => unknown;
			},
		});
	});
	after(() => end?.());
	return () => {
		if (!world) throw new Error("the world did not start");
		return world;
	};
}

let scratchFolder: string | undefined;

/** Where engines and their programs put what they compile and what they leave, for all worlds of this process. */
function scratch(): string {
	if (scratchFolder === undefined) {
		const folder = mkdtempSync(join(tmpdir(), "moltbot-scratch-"));
		process.once("exit", () =>
			rmSync(folder, { recursive: true, force: true }),
		);
		scratchFolder = folder;
	}
	return scratchFolder;
}

/** A /24 of the loopback that no other world is likely to have at the same time. */
function ownNetwork(): string {
	const part = () => 1 + Math.floor(Math.random() * 254);
	return `127.${part()}.${part()}`;
}

function copyProgram(project: string): void {
	mkdirSync(project);
	for (const source of sources)
		cpSync(join(repository, source), join(project, source), {
			recursive: true,
		});
	symlinkSync(
		join(repository, "node_modules"),
		join(project, "node_modules"),
		"dir",
	);
}

const stackName = "test";

function createStack(
	engine: Engine,
	project: string,
	settings: Record<string, string>,
) {
	const file = join(project, `Pulumi.${stackName}.yaml`);
	let salt = "";
	const write = () => {
		const lines = Object.entries(settings).map(
			([key, value]) => `  moltbot:${key}: ${JSON.stringify(value)}`,
		);
		writeFileSync(file, [`${salt}config:`, ...lines, ""].join("\n"));
	};
	return {
		async create() {
			rmSync(file, { force: true });
			const { code, output } = await engine.run("stack", ["init", stackName]);
			if (code !== 0) throw new Error(`pulumi stack init: ${output}`);
			const text = readFileSync(file, "utf8");
			salt = `${/^encryptionsalt:.*$/m.exec(text)?.[0] ?? ""}\n`;
			write();
		},
		configure(changes: Record<string, string>) {
			Object.assign(settings, changes);
			write();
		},
	};
}

/** Why this machine cannot run a world; `false`: it can. Pass it to a test's `skip`. */
export const cannotRun: false | string =
	process.platform !== "linux"
		? "needs Linux"
		: process.getuid?.() === 0
			? false
			: "needs root, because model hosts listen on port 22";
