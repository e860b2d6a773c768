import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { tool } from "../../tools/setup.ts";
import { Daemon } from "../daemon.ts";
import { asOperator } from "../network/asOperator.ts";
import { operator } from "../network/internet.ts";
import type { Place } from "../place.ts";

const run = promisify(execFile);
const statusSchema = z.looseObject({ BackendState: z.string() });

/** The operator's own end of the tailnet: a real tailscaled in the operator's namespace. */
export class OperatorTailscale {
	readonly #place: Place;
	readonly #daemon: Daemon;

	constructor(place: Place) {
		this.#place = place;
		this.#daemon = new Daemon(place, "tailscaled");
	}

	/** Folder with a `tailscale` command that speaks to this tailscaled and no other on the machine. */
	get commands(): string {
		return this.#place.path("operator", "bin");
	}

	get #socket(): string {
		return this.#place.path("operator", "tailscaled.sock");
	}

	/**
	 * Starts it where it does not run, and joins where it has not.
	 *
	 * @param caPath the authority of the control server
	 * @param newKey gives a key to join with
	 */
	async start(caPath: string, newKey: () => Promise<string>): Promise<void> {
		const state = this.#place.path("operator", "tailscale");
		mkdirSync(state, { recursive: true, mode: 0o700 });
		this.#writeCommand(await tool("tailscale"));
		await this.#daemon.start({
			argv: asOperator(this.#place, [
				await tool("tailscaled"),
				`--statedir=${state}`,
				`--socket=${this.#socket}`,
				"--port=0",
				"--no-logs-no-support",
			]),
			namespace: this.#place.namespace(operator),
			environment: { SSL_CERT_FILE: caPath },
			ready: () => this.#status(),
		});
		if ((await this.#status()).BackendState === "Running") return;
		const keyFile = this.#place.path("operator", "join.key");
		writeFileSync(keyFile, await newKey(), { mode: 0o600 });
		await this.#ask(
			...["up", "--reset", `--auth-key=file:${keyFile}`],
			...["--hostname=operator", "--accept-dns=false", "--timeout=60s"],
		);
		rmSync(keyFile);
	}

	stop(): Promise<void> {
		return this.#daemon.stop();
	}

	async #status() {
		// It ends with 1 where it is logged out, and says so all the same.
		const text = await this.#ask("status", "--json", "--peers=false").catch(
			(error: { stdout?: string }) => error.stdout ?? "",
		);
		return statusSchema.parse(JSON.parse(text));
	}

	async #ask(...command: string[]): Promise<string> {
		const argv = [`--socket=${this.#socket}`, ...command];
		return (await run(await tool("tailscale"), argv)).stdout;
	}

	#writeCommand(program: string): void {
		const file = `${this.commands}/tailscale`;
		mkdirSync(dirname(file), { recursive: true });
		writeFileSync(
			file,
			`#!/bin/sh\nexec '${program}' --socket='${this.#socket}' "$@"\n`,
			{ mode: 0o755 },
		);
	}
}
