/** For tests only: the stand-in clouds in this process, and a context that works against them. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import tls from "node:tls";
import ssh2 from "ssh2";
import { backblaze, defaultAccount } from "../../lab/clouds/backblaze/index.ts";
import {
	createOnePassword,
	type Seed,
} from "../../lab/clouds/onepassword/index.ts";
import {
	type RegistryOptions,
	registry,
} from "../../lab/clouds/registry/index.ts";
import {
	type Coordination,
	createTailscale,
	type TailscaleOptions,
} from "../../lab/clouds/tailscale/index.ts";
import { startTestLab, type TestLab } from "../../lab/clouds/testing.ts";
import {
	createVultr,
	type VultrOptions,
} from "../../lab/clouds/vultr/index.ts";
import { B2 } from "./clients/b2.ts";
import { Tailscale } from "./clients/tailscale.ts";
import { Vultr } from "./clients/vultr.ts";
import { ProviderError } from "./errors.ts";
import { Http, type RetryPolicy } from "./http.ts";
import type { Context } from "./resource.ts";
import { connect } from "./ssh.ts";

/** Retries at once, gives up soon. */
export const quick: RetryPolicy = {
	attempts: 4,
	firstPause: 2,
	longestPause: 10,
	attemptTimeout: 2000,
	deadline: 5000,
};

/** A stack that exists for one test. */
export interface TestStack {
	readonly lab: TestLab;
	readonly context: Context;
	/** What the operator was told. */
	readonly said: string[];
	readonly coordination: Coordination;
	/** Credentials that can be taken away. */
	readonly env: Record<string, string | undefined>;
	/** What a run that starts anew works with: same clouds, no memory. */
	restarted(client?: Http): Context;
	/** Method, path and status of the calls so far that change something, logins and look-ups left out. */
	mutations(): Promise<string[]>;
}

export const credentials = {
	VULTR_API_KEY: "lab-vultr-key",
	TAILSCALE_API_KEY: "tskey-api-lab",
	B2_APPLICATION_KEY_ID: defaultAccount.accountId,
	B2_APPLICATION_KEY: defaultAccount.masterKey,
	OP_CONNECT_HOST: "https://connect.1password.lab.test",
	OP_CONNECT_TOKEN: "lab-connect-token",
};

/** Token of a service account that reads what the Connect server does. */
export const serviceAccount = "ops_lab";

const vaults: Seed = {
	vaults: [
		{
			name: "moltbot",
			items: [
				{ title: "Discord Bot Token", credential: "canary-discord-token" },
				{ title: "Moltbot Backup Password", password: "canary-password" },
				{ title: "Empty" },
			],
		},
	],
	connectTokens: [
		{ token: credentials.OP_CONNECT_TOKEN, vaults: ["moltbot"], write: true },
	],
	serviceAccounts: [{ token: serviceAccount, vaults: ["moltbot"] }],
};

const readingPosts =
	/b2_(list|get)_|b2_authorize|oauth\/token|b2_get_upload_url/;

/** Starts the stand-ins; `sshPort` is where the host of this stack answers. */
export async function startStack(
	t: TestContext,
	{
		vultr,
		tailscale: tailnet,
		registry: images,
		sshPort,
	}: {
		vultr?: VultrOptions;
		tailscale?: TailscaleOptions;
		registry?: RegistryOptions;
		sshPort?: number;
	} = {},
): Promise<TestStack> {
	let coordination: Coordination | undefined;
	const lab = await startTestLab(
		t,
		async (world) => {
			const tailscale = createTailscale(world, tailnet);
			coordination = tailscale.coordination;
			return [
				createVultr(world, {
					delays: { active: 0, running: 0, ok: 0, gone: 0 },
					rateLimit: 10_000,
					...vultr,
				}),
				await backblaze(world, undefined),
				tailscale,
				createOnePassword(world, { seed: vaults }),
				...(images ? [await registry(world, images)] : []),
			];
		},
		{ proxyListen: "127.0.0.1:0" },
	);
	if (!coordination) throw new Error("the tailnet is not in memory");
	tls.setDefaultCACertificates([lab.ca.pem]);
	t.after(http.setGlobalProxyFromEnv(lab.environment));

	const env: Record<string, string | undefined> = { ...credentials };
	const said: string[] = [];
	const report = {
		info: (message: string) => void said.push(message),
		warn: (message: string) => void said.push(`warning: ${message}`),
		status: () => {},
	};
	const { signal } = new AbortController();
	const restarted = (client = new Http(signal, quick)): Context => {
		return {
			env,
			signal,
			report,
			http: client,
			vultr: new Vultr(client, env),
			b2: new B2(client, env),
			tailscale: new Tailscale(client, env),
			ssh: (target, ...rest) =>
				connect(
					sshPort === undefined
						? target
						: { ...target, address: "127.0.0.1", port: sshPort },
					...rest,
				),
			patience: { unreachable: 100, refused: 100, attempt: 1000 },
			rhythm: { first: 5, longest: 20 },
		};
	};
	return {
		lab,
		context: restarted(),
		said,
		coordination,
		env,
		restarted,
		async mutations() {
			const requests = await lab.control.requests();
			return requests
				.filter(
					({ method, path, cloud }) =>
						cloud !== "control" &&
						!["GET", "HEAD"].includes(method) &&
						!readingPosts.test(path),
				)
				.map(({ method, path, status }) => `${method} ${path} ${status}`);
		},
	};
}

/** What a test SSH server answers to a command. */
export type Shell = (
	command: string,
	stdin: string,
) =>
	| {
			code: number;
			stdout?: string;
			stderr?: string;
			/** Milliseconds between the end of the output and the exit status. */
			exitsAfter?: number;
	  }
	| "hang"
	| "drop";

/** Tells the end of the output alone: after `eof()` ssh2 sends no exit status any more, as other servers do. */
function endOutput(channel: ssh2.ServerChannel): void {
	const { _client, outgoing } = channel as unknown as {
		_client: { _protocol: { channelEOF(id: number): void } };
		outgoing: { id: number };
	};
	_client._protocol.channelEOF(outgoing.id);
}

/** What a run throws, which must be an error of ours. */
export async function failure(
	run: Promise<unknown> | undefined,
): Promise<ProviderError> {
	const error = await Promise.resolve(run).then(
		() => assert.fail("it should have failed"),
		(thrown: unknown) => thrown,
	);
	assert.ok(error instanceof ProviderError, String(error));
	return error;
}

/** By Node: one in a hundred Ed25519 keys that ssh2 makes cannot be read by ssh2. */
function hostKeys(): { privateKey: string; publicKey: string } {
	const privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" })
		.privateKey.export({ type: "sec1", format: "pem" })
		.toString();
	const parsed = ssh2.utils.parseKey(privateKey);
	if (parsed instanceof Error) throw parsed;
	return {
		privateKey,
		publicKey: `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`,
	};
}

/** An SSH server as Tailscale's: no authentication, or a banner and a close. */
export async function startSsh(
	t: TestContext,
	shell: Shell,
	options: { refuse?: string } = {},
): Promise<{ port: number; hostKey: string; commands: string[] }> {
	const { privateKey, publicKey } = hostKeys();
	const commands: string[] = [];
	const server = new ssh2.Server(
		{
			hostKeys: [privateKey],
			ident: "Tailscale",
			...(options.refuse === undefined ? {} : { banner: options.refuse }),
		},
		(client) => {
			client.on("error", () => {});
			client.on("authentication", (attempt) => {
				if (options.refuse === undefined) attempt.accept();
				else client.end();
			});
			client.on("session", (accept) => {
				accept().on("exec", (acceptExec, _reject, { command }) => {
					const channel = acceptExec();
					let stdin = "";
					channel.on("data", (data: Buffer) => {
						stdin += data.toString();
					});
					channel.on("end", () => {
						commands.push(command);
						const answer = shell(command, stdin);
						if (answer === "hang") return;
						if (answer === "drop") {
							client.end();
							return;
						}
						channel.write(answer.stdout ?? "");
						channel.stderr.write(answer.stderr ?? "");
						// As Tailscale: first the end of the output, and a busy host's moment later what became of the process.
						endOutput(channel);
						setTimeout(() => {
							channel.exit(answer.code);
							channel.end();
						}, answer.exitsAfter ?? 0);
					});
				});
			});
		},
	);
	await new Promise<void>((resolve) =>
		server.listen(0, "127.0.0.1", () => resolve()),
	);
	t.after(() => server.close());
	const { port } = server.address() as AddressInfo;
	return { port, hostKey: publicKey, commands };
}
