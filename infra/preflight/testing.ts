// For tests only: an operator whose stack is in order at every cloud, so that a test breaks one thing.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import tls from "node:tls";
import { operatorItems } from "../../lab/account.ts";
import {
	type BackblazeOptions,
	backblaze,
} from "../../lab/clouds/backblaze/index.ts";
import { NativeClient } from "../../lab/clouds/backblaze/testing.ts";
import {
	createOnePassword,
	type Seed,
} from "../../lab/clouds/onepassword/index.ts";
import { registry } from "../../lab/clouds/registry/index.ts";
import { emptyImage } from "../../lab/clouds/registry/testing.ts";
import {
	type Coordination,
	createTailscale,
	type TailscaleOptions,
} from "../../lab/clouds/tailscale/index.ts";
import { startTestLab, temporaryDirectory } from "../../lab/clouds/testing.ts";
import {
	createVultr,
	type VultrOptions,
} from "../../lab/clouds/vultr/index.ts";
import { moltbot } from "../platforms/moltbot.ts";
import { inspect } from "../preflight.ts";
import { defaultPolicy, Http } from "../provider/http.ts";
import { credentials } from "../provider/testing.ts";
import { parseSettings } from "../settings.ts";

/** What a test breaks; the rest is as it should be. */
export interface Broken {
	/** Environment; `undefined` takes a variable away. */
	readonly env?: Record<string, string | undefined>;
	readonly settings?: Record<string, string>;
	readonly vultr?: VultrOptions;
	readonly backblaze?: BackblazeOptions;
	readonly tailscale?: TailscaleOptions;
	/** Further items of the operator's vault. */
	readonly items?: { title: string; credential: string }[];
	readonly serviceAccounts?: Seed["serviceAccounts"];
	/** What `tailscale status` says; `null`: there is no such program. */
	readonly status?: object | null;
	/** The program `op`: the stand-in, another script, or none. */
	readonly op?: string | null;
	/** At the clouds, before preflight asks. */
	readonly prepare?: (parts: {
		readonly lab: Awaited<ReturnType<typeof startTestLab>>;
		readonly coordination: Coordination;
		readonly b2: NativeClient;
		readonly env: Record<string, string | undefined>;
	}) => Promise<void> | void;
}

export const opToken = "ops_CANARY0operator";
export const connectToken = "CANARY0connect";
const standInOp = join(import.meta.dirname, "../../lab/clouds/onepassword/op");
const running = {
	BackendState: "Running",
	Self: { DNSName: "laptop.tailnet.test." },
};

/** Starts the clouds, breaks what is to be broken, and gives what preflight says of it. */
export async function findingsOf(
	t: TestContext,
	broken: Broken = {},
): Promise<string[]> {
	const folder = temporaryDirectory(t);
	const layout = join(folder, "image");
	const digest = await emptyImage(layout, "preflight");
	const images = {
		osImage: "ghcr.io/ublue-os/ucore-minimal",
		gatewayImage: "ghcr.io/test/moltbot-gateway",
		sandboxImage: "ghcr.io/test/moltbot-sandbox",
		backupImage: "docker.io/restic/restic",
	};
	let coordination: Coordination | undefined;
	const lab = await startTestLab(
		t,
		async (world) => {
			const tailscale = createTailscale(world, broken.tailscale);
			coordination = tailscale.coordination;
			return [
				createVultr(world, { rateLimit: 10_000, ...broken.vultr }),
				await backblaze(world, broken.backblaze),
				tailscale,
				createOnePassword(world, { seed: seedOf(broken) }),
				await registry(world, {
					layouts: Object.values(images).map((repository) => ({
						folder: layout,
						repository,
						tag: "test",
					})),
				}),
			];
		},
		{ proxyListen: "127.0.0.1:0" },
	);
	if (!coordination) throw new Error("the tailnet is not in memory");
	coordination.addDevice({ hostname: "laptop" });
	tls.setDefaultCACertificates([lab.ca.pem]);
	t.after(http.setGlobalProxyFromEnv(lab.environment));

	const env: Record<string, string | undefined> = {
		...lab.environment,
		...credentials,
		OP_CONNECT_HOST: "https://connect.1password.lab.test",
		OP_CONNECT_TOKEN: connectToken,
		MOLTBOT_NODE: process.execPath,
		PATH: programs(join(folder, "bin"), broken),
		...broken.env,
	};
	const b2 = await NativeClient.login(lab);
	await broken.prepare?.({ lab, coordination, b2, env });
	const settings = parseSettings(
		Object.fromEntries(
			Object.entries({
				bucket: "moltbot-test-1",
				ownerDiscordId: "123456789012345678",
				...Object.fromEntries(
					Object.entries(images).map(([key, name]) => [
						key,
						`${name}@${digest}`,
					]),
				),
				...broken.settings,
			}).map(([key, value]) => [`moltbot:${key}`, value]),
		),
	);
	const client = new Http(new AbortController().signal, {
		...defaultPolicy,
		attempts: 2,
		firstPause: 1,
	});
	const { findings } = await inspect(moltbot, settings, client, env);
	return findings.map(({ severity, text }) => `${severity}: ${text}`);
}

function seedOf({ items = [], serviceAccounts = [] }: Broken): Seed {
	return {
		vaults: [
			{
				name: "moltbot",
				items: [
					...operatorItems({
						discord: "CANARY0discord",
						anthropic: "CANARY0anthropic",
						github: "CANARY0github",
						backupPassword: "CANARY0backup",
					}),
					...items,
				],
			},
			{ name: "moltbot-agent" },
			{ name: "empty" },
		],
		connectTokens: [{ token: connectToken, vaults: ["moltbot", "empty"] }],
		serviceAccounts: [
			{ token: opToken, vaults: ["moltbot"] },
			...serviceAccounts,
		],
	};
}

/** A folder with the programs that preflight starts, and behind it what those need. */
function programs(
	folder: string,
	{ status = running, op = standInOp }: Broken,
): string {
	const script = (name: string, text: string) => {
		writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
		chmodSync(join(folder, name), 0o755);
	};
	mkdirSync(folder, { recursive: true });
	// Of the machine's own programs only those that the stand-in needs: a real `tailscale` must not answer.
	for (const name of ["readlink", "dirname", "cat"])
		script(name, `PATH=/usr/bin:/bin exec ${name} "$@"`);
	if (status !== null)
		script("tailscale", `cat <<'END'\n${JSON.stringify(status)}\nEND`);
	if (op !== null) script("op", op === standInOp ? `exec ${op} "$@"` : op);
	return [folder].join(delimiter);
}
