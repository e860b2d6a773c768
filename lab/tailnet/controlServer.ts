import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { HeadscaleOptions } from "../clouds/tailscale/headscale.ts";
import { labPolicy } from "../clouds/tailscale/index.ts";
import type { LabCa } from "../clouds/tls.ts";
import { Daemon } from "../daemon.ts";
import { controlServerAddress } from "../network/addresses.ts";
import { internet } from "../network/internet.ts";
import type { Place } from "../place.ts";

const run = promisify(execFile);

/** Under this name the real client looks for its control server when it is told nothing. */
export const controlServerName = "controlplane.tailscale.com";
const user = "operator";
const keyLine = z.string().regex(/^hskey-/);

/** The tailnet's control server: a real headscale under the real name. */
export class ControlServer {
	readonly #place: Place;
	readonly #headscale: string;
	readonly #daemon: Daemon;

	/** @param headscale path of the program */
	constructor(place: Place, headscale: string) {
		this.#place = place;
		this.#headscale = headscale;
		this.#daemon = new Daemon(place, "headscale");
	}

	get #folder(): string {
		return this.#place.path("headscale");
	}

	/** How the Tailscale stand-in reaches it. */
	options(ca: LabCa): HeadscaleOptions {
		return {
			url: `https://${controlServerAddress}`,
			serverName: controlServerName,
			caPath: ca.path,
			apiKey: `file:${join(this.#folder, "api.key")}`,
			domain: "tailnet.test",
			user,
			policyFile: join(this.#folder, "policy.hujson"),
		};
	}

	/** Starts it where it does not run, with its user and its API key. */
	async start(ca: LabCa): Promise<void> {
		mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
		if (!this.#daemon.isRunning) {
			const { certificate, key } = await ca.issue([controlServerName]);
			this.#write("tls.crt", certificate);
			this.#write("tls.key", key);
			// On the service people are in autogroups; here there is one person.
			const policy = labPolicy.replaceAll("autogroup:admin", `${user}@`);
			this.#write("policy.hujson", policy);
			this.#write("config.yaml", configuration(this.#folder));
		}
		await this.#daemon.start({
			argv: [this.#headscale, "-c", join(this.#folder, "config.yaml"), "serve"],
			namespace: this.#place.namespace(internet),
			ready: () => this.#ask("users", "list"),
		});
		if (existsSync(join(this.#folder, "api.key"))) return;
		// An earlier start may have come to here.
		await this.#ask("users", "create", user).catch(() => undefined);
		const made = await this.#ask("apikeys", "create", "--expiration", "3650d");
		this.#write("api.key", keyLine.parse(made.trim().split("\n").at(-1)));
	}

	stop(): Promise<void> {
		return this.#daemon.stop();
	}

	/** A key by which the operator's own machine joins. */
	async operatorKey(): Promise<string> {
		const users = z
			.array(z.object({ id: z.number(), name: z.string() }))
			.parse(JSON.parse(await this.#ask("users", "list", "--output", "json")));
		const id = users.find(({ name }) => name === user)?.id;
		const made = await this.#ask(
			...["preauthkeys", "create", "--user", String(id), "--expiration", "1h"],
		);
		return keyLine.parse(made.trim().split("\n").at(-1));
	}

	async #ask(...command: string[]): Promise<string> {
		const config = join(this.#folder, "config.yaml");
		const { stdout } = await run(this.#headscale, ["-c", config, ...command]);
		return stdout;
	}

	#write(name: string, text: string): void {
		writeFileSync(join(this.#folder, name), text, { mode: 0o600 });
	}
}

function configuration(folder: string): string {
	return JSON.stringify(
		{
			server_url: `https://${controlServerName}`,
			listen_addr: `${controlServerAddress}:443`,
			metrics_listen_addr: "127.0.0.1:9090",
			grpc_listen_addr: "127.0.0.1:50443",
			tls_cert_path: join(folder, "tls.crt"),
			tls_key_path: join(folder, "tls.key"),
			noise: { private_key_path: join(folder, "noise.key") },
			prefixes: {
				v4: "100.64.0.0/10",
				v6: "fd7a:115c:a1e0::/48",
				allocation: "sequential",
			},
			derp: {
				server: {
					enabled: true,
					region_id: 900,
					region_code: "lab",
					region_name: "lab",
					verify_clients: true,
					stun_listen_addr: `${controlServerAddress}:3478`,
					private_key_path: join(folder, "derp.key"),
					automatically_add_embedded_derp_region: true,
					ipv4: controlServerAddress,
					// Without this word both ends look for it at each start and wait three seconds for an answer.
					ipv6: "none",
				},
				urls: [],
				paths: [],
				auto_update_enabled: false,
			},
			disable_check_updates: true,
			// It collects changes for up to a second before anybody hears of them, for thousands of machines; here are two.
			tuning: {
				batch_change_delay: "20ms",
				node_store_batch_timeout: "20ms",
			},
			database: { type: "sqlite", sqlite: { path: join(folder, "db.sqlite") } },
			policy: { mode: "file", path: join(folder, "policy.hujson") },
			dns: {
				magic_dns: true,
				base_domain: "tailnet.test",
				override_local_dns: false,
				nameservers: { global: [] },
			},
			unix_socket: join(folder, "headscale.sock"),
			logtail: { enabled: false },
			log: { level: "info", format: "json" },
		},
		null,
		"\t",
	);
}
