import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { TestContext } from "node:test";
import { createAdaptorServer } from "@hono/node-server";
import { anthropicCloud } from "../../../lab/clouds/anthropic/index.ts";
import { createWorld } from "../../../lab/clouds/world.ts";
import {
	openclawCommand,
	openclawFolder,
} from "../../../lab/images/openclaw.ts";
import { outputOf } from "../../processes.ts";
import { ok } from "./asserts.ts";

const apiKey = "sk-ant-of-this-test";
/** Databases that OpenClaw keeps what was said and decided in, below its state. */
const databases = [
	"agents/main/agent/openclaw-agent.sqlite",
	"state/openclaw.sqlite",
];

/** Runs the real OpenClaw for one turn at a time, with the stand-in of the model, on whatever state it is given. */
export class RealAgent {
	readonly #folder: string;
	readonly #program: string;
	/** A state that it made: it has been told something. */
	readonly state: string;

	private constructor(folder: string, program: string) {
		this.#folder = folder;
		this.#program = program;
		this.state = join(folder, "state");
	}

	/** Lets it make a state in which it was told to remember something; all is taken away after the test. */
	static async told(t: TestContext, something: string): Promise<RealAgent> {
		const folder = mkdtempSync(join(tmpdir(), "moltbot-told-"));
		t.after(() => rmSync(folder, { recursive: true, force: true }));
		const model = anthropicCloud(createWorld(join(folder, "clouds")), {
			apiKey,
		});
		const server = createAdaptorServer(model.app);
		t.after(() => server.close());
		await once(server.listen(0, "127.0.0.1"), "listening");
		const { port } = server.address() as AddressInfo;
		writeFileSync(
			join(folder, "openclaw.json"),
			JSON.stringify(config(port, join(folder, "workspace"))),
		);
		const program = openclawCommand(await openclawFolder());
		const agent = new RealAgent(folder, program);
		mkdirSync(agent.state);
		await agent.#turn(agent.state, `remember that ${something}`);
		return agent;
	}

	/** Its answer, when it has this state; the state itself is left as it is. */
	async ask(state: string, text: string): Promise<string> {
		return this.#turn(this.#copyOf(state), text);
	}

	/** All that stands in the databases of a state, as text; fails where one is missing. */
	contents(state: string): string {
		const copy = this.#copyOf(state);
		const text = databases.map((name) => dump(join(copy, name))).join("\n");
		rmSync(copy, { recursive: true });
		return text;
	}

	/** Whoever opens a database writes into its folder. */
	#copyOf(state: string): string {
		const copy = mkdtempSync(join(this.#folder, "copy-"));
		copyState(state, copy);
		return copy;
	}

	async #turn(state: string, text: string): Promise<string> {
		const child = spawn(
			process.execPath,
			[
				this.#program,
				...["agent", "--local", "--agent", "main", "--message", text],
			],
			{
				stdio: ["ignore", "pipe", "pipe"],
				env: {
					PATH: process.env.PATH,
					HOME: this.#folder,
					TMPDIR: this.#folder,
					OPENCLAW_STATE_DIR: state,
					OPENCLAW_CONFIG_PATH: join(this.#folder, "openclaw.json"),
					OPENCLAW_CONFIG_READONLY: "1",
					OPENCLAW_OFFLINE: "1",
					OPENCLAW_NO_RESPAWN: "1",
					OPENCLAW_NO_AUTO_UPDATE: "1",
				},
			},
		);
		return ok(await outputOf(child));
	}
}

/** The same state in another folder, as a host would have it. */
export function copyState(from: string, to: string): void {
	cpSync(from, to, {
		recursive: true,
		preserveTimestamps: true,
		verbatimSymlinks: true,
	});
}

/** A database as text, integrity check first. */
function dump(file: string): string {
	const database = new DatabaseSync(file);
	try {
		const rows = (sql: string) => database.prepare(sql).all();
		const tables = rows(
			"select name, sql from sqlite_schema where type = 'table' order by name",
		);
		return [
			...rows("pragma integrity_check"),
			...tables,
			...tables.flatMap(({ name, sql }) =>
				/^create virtual/i.test(String(sql))
					? []
					: rows(`select * from "${name}"`),
			),
		]
			.map((row) => JSON.stringify(row))
			.join("\n");
	} finally {
		database.close();
	}
}

function config(modelPort: number, workspace: string): object {
	return {
		gateway: { mode: "local" },
		models: {
			providers: {
				anthropic: {
					baseUrl: `http://127.0.0.1:${modelPort}`,
					api: "anthropic-messages",
					apiKey,
					request: { allowPrivateNetwork: true },
					models: [],
				},
			},
		},
		agents: {
			defaults: {
				model: { primary: "anthropic/claude-sonnet-4-6" },
				workspace,
				skipBootstrap: true,
			},
		},
		update: { checkOnStart: false },
	};
}
