import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { deliveryDocument } from "../../../infra/delivery.ts";
import { moltbot } from "../../../infra/platforms/moltbot.ts";
import { renderHost } from "../../../infra/render.ts";
import { parseSettings } from "../../../infra/settings.ts";
import { sampleValues } from "../../../infra/testing.ts";
import { controlClient } from "../../../lab/clouds/client.ts";
import { DiscordClient } from "../../../lab/clouds/discord/client.ts";
import { openCa } from "../../../lab/clouds/tls.ts";
import { Daemon } from "../../../lab/daemon.ts";
import { hostArtefacts } from "../../../lab/host/artefacts.ts";
import { type HostOptions, LabHost } from "../../../lab/host/host.ts";
import { resticImage } from "../../../lab/host/resticImage.ts";
import { type LabImage, labImages } from "../../../lab/images/index.ts";
import {
	cloudsAddress,
	resolverAddress,
} from "../../../lab/network/addresses.ts";
import { HostLine } from "../../../lab/network/hostLine.ts";
import {
	internet,
	raiseInternet,
	removeNamespaces,
} from "../../../lab/network/internet.ts";
import { startResolver } from "../../../lab/network/resolver.ts";
import { Place } from "../../../lab/place.ts";
import { socketFetch } from "../../../lab/socketFetch.ts";

/** The owner of the agent: his Discord id stands in the settings. */
export const owner = { name: "owner", id: "123456789012345678" };

const bucket = "moltbot-agent-test";
const account = { accountId: "b2a4c1d90e7f", masterKey: "004AgentTestKey" };
const discordToken = "discord-canary-token";
const apiKey = "sk-ant-canary-key";
const names = [
	"discord.com",
	"gateway.discord.gg",
	"api.anthropic.com",
	"ghcr.io",
	"docker.io",
	"registry-1.docker.io",
	"auth.docker.io",
	"s3.us-west-004.backblazeb2.com",
];

/** `moltbot status --json`, as far as tests look. */
export interface Status {
	ready: boolean;
	problems: {
		unit: string;
		message: string;
		lines: string[];
		permanent?: true;
	}[];
	units: Record<string, { state: string; image: string | null }>;
	channels: Record<string, { connected: boolean; error: string | null }>;
}

/** What runs on which host; by default the product's own images on the fast one. */
export interface AgentOptions {
	readonly images?: () => Promise<LabImage[]>;
	readonly makeHost?: (options: HostOptions) => LabHost | Promise<LabHost>;
	/** Until systemd has finished starting up. */
	readonly bootSeconds?: number;
}

/**
 * A host as production has it after the rebase, with its stand-ins of Discord, model, registry and bucket around it. What differs:
 * it is uCore from the first boot on, it joins no tailnet, and the delivery comes by the lab's privilege in place of SSH.
 */
export class AgentHost {
	readonly host: LabHost;
	readonly discord: DiscordClient;
	readonly control: ReturnType<typeof controlClient>;
	/** How long each stage took, in milliseconds. */
	readonly times: Record<string, number> = {};
	readonly #place: Place;
	readonly #clouds: Daemon;
	readonly #cloudsArgv: readonly string[];
	readonly #settings: ReturnType<typeof parseSettings>;
	/** What it said last. */
	#answer: string | undefined;
	#mayComeAgain: string | undefined;
	#generation = Number(sampleValues.generation);
	#key: { "backup-key-id": string; "backup-key": string } | undefined;

	private constructor(parts: {
		host: LabHost;
		place: Place;
		clouds: Daemon;
		cloudsArgv: readonly string[];
		settings: ReturnType<typeof parseSettings>;
	}) {
		this.host = parts.host;
		this.#place = parts.place;
		this.#clouds = parts.clouds;
		this.#cloudsArgv = parts.cloudsArgv;
		this.#settings = parts.settings;
		this.control = controlClient(parts.place.controlSocket);
		const fetch = socketFetch(parts.place.controlSocket);
		this.discord = new DiscordClient({ fetch });
	}

	/** Boots it; everything is taken away after the test. */
	static async boot(
		t: TestContext,
		options: AgentOptions = {},
	): Promise<AgentHost> {
		const artefacts = await hostArtefacts();
		const images = await (options.images ?? labImages)();
		const restic = {
			repository: "docker.io/restic/restic",
			...(await resticImage(artefacts.rootTree)),
		};
		const folder = mkdtempSync(join(tmpdir(), "moltbot-agent-"));
		t.after(() => rmSync(folder, { recursive: true, force: true }));
		const place = new Place(folder);
		const ca = await openCa(place.clouds);
		const reference = (image: { repository: string; digest: string }) =>
			`${image.repository}@${image.digest}`;
		const settings = parseSettings({
			"moltbot:bucket": bucket,
			"moltbot:osImage": sampleValues.osImage,
			"moltbot:backupImage": reference(restic),
			"moltbot:ownerDiscordId": owner.id,
			"moltbot:resolvers": resolverAddress,
			"moltbot:trustedCertificates": ca.pem,
			...Object.fromEntries(
				images.map((image) => [`moltbot:${image.setting}`, reference(image)]),
			),
		});
		const config = place.path("clouds.json");
		const layouts = [...images, restic].map(({ folder, repository }) => ({
			folder,
			repository,
			tag: "lab",
		}));
		writeFileSync(
			config,
			JSON.stringify({
				registry: { layouts },
				discord: { token: discordToken },
				anthropic: { apiKey },
				backblaze: { accounts: [{ ...account, buckets: [{ name: bucket }] }] },
			}),
		);
		t.after(() => removeNamespaces(place));
		await raiseInternet(place);
		const resolver = new Daemon(place, "resolver");
		t.after(() => resolver.stop());
		await startResolver(place, resolver, artefacts.tools, {
			[cloudsAddress]: names,
		});
		const clouds = new Daemon(place, "clouds");
		t.after(() => clouds.stop());
		const line = new HostLine(place, "agent", {
			v4: {
				address: "203.0.113.7",
				netmask: "255.255.255.0",
				gateway: "203.0.113.1",
			},
			v6: null,
		});
		t.after(() => line.disconnect());
		await line.connect(artefacts.tools, []);
		const ignition = place.path("config.ign");
		writeFileSync(ignition, document(ca.pem));
		const made: HostOptions = {
			id: place.host("agent"),
			dir: place.path("host"),
			netns: line.namespace,
			...artefacts,
			config: { platform: "file", path: ignition },
		};
		const host = (await options.makeHost?.(made)) ?? new LabHost(made);
		t.after(() => host.destroy());
		const main = join(import.meta.dirname, "../../../lab/clouds/main.ts");
		const agent = new AgentHost({
			host,
			place,
			clouds,
			settings,
			cloudsArgv: [
				...[process.execPath, main, "--state", place.clouds],
				...["--config", config, "--listen", `${cloudsAddress}:443`],
			],
		});
		await agent.startClouds();
		await agent.timed("boot", async () => {
			await host.boot();
			const patience = (options.bootSeconds ?? 120) * 1000;
			await host.waitUntilUp(AbortSignal.timeout(patience));
		});
		return agent;
	}

	/** Stand-ins begin again with the state that they had. */
	async startClouds(): Promise<void> {
		await this.#clouds.start({
			argv: this.#cloudsArgv,
			namespace: this.#place.namespace(internet),
			ready: () => this.control.now(),
		});
	}

	stopClouds(): Promise<void> {
		return this.#clouds.stop();
	}

	/** What a delivery brings from 1Password and Backblaze, each value of its own. */
	async secrets(token = discordToken) {
		return {
			secrets: {
				"discord-bot-token": token,
				"anthropic-api-key": apiKey,
				"onepassword-token": "ops-canary-token",
				"github-token": "ghp-canary-token",
			},
			hostSecrets: {
				"backup-password": "canary of the backup",
				...(await this.#backupKey()),
			},
		};
	}

	/** The delivery of `pulumi up`. */
	async deliver(token = discordToken): Promise<void> {
		const { os: _, ...order } = deliveryDocument(
			moltbot,
			this.#settings,
			this.#generation,
		);
		const input = Buffer.from(
			JSON.stringify({ ...order, ...(await this.secrets(token)) }),
		).toString("base64");
		await this.shell(
			`echo ${input} | base64 --decode | /usr/local/libexec/moltbot/deliver`,
		);
	}

	/** Turns it into the next host of the stack before its delivery: an empty disk, a later generation. */
	async forget(): Promise<void> {
		this.#generation += 1;
		await this.shell(
			`cd /var/lib/moltbot && for folder in home state workspace projects backup; do find $folder -mindepth 1 -delete; done
rm -rf .restored delivered-seeds; sed -i s/^MOLTBOT_GENERATION=.*/MOLTBOT_GENERATION=${this.#generation}/ /etc/moltbot/host.env; sync`,
		);
	}

	/** A key like the one that `pulumi up` makes: the S3 endpoint takes no master key. */
	async #backupKey() {
		this.#key ??= await createKey(socketFetch(this.#place.controlSocket));
		return this.#key;
	}

	async shell(script: string): Promise<string> {
		const { stdout } = await this.host.exec(["/bin/sh", "-c", script]);
		return stdout.trim();
	}

	/** The engine of the agent's uid. */
	podman(args: string): Promise<string> {
		return this.shell(
			`cd / && setpriv --reuid=2001 --regid=2001 --clear-groups env HOME=/var/home/moltbot XDG_RUNTIME_DIR=/run/user/2001 podman --remote --url unix:///run/user/2001/podman/podman.sock ${args}`,
		);
	}

	async status(): Promise<Status> {
		return JSON.parse(await this.shell("moltbot status --json"));
	}

	/** Waits until the host says so of itself. */
	async until(
		what: string,
		holds: (status: Status) => boolean,
		seconds: number,
	): Promise<Status> {
		const end = performance.now() + seconds * 1000;
		for (;;) {
			const status = await this.status();
			if (holds(status)) return status;
			if (performance.now() > end)
				throw new Error(
					`${what}: not after ${seconds} s; the host says ${JSON.stringify(status, null, 1)}`,
				);
			await sleep(1000);
		}
	}

	ready(seconds = 600): Promise<Status> {
		return this.until("ready", ({ ready }) => ready, seconds);
	}

	/** Writes as the owner, waits for the answer. */
	async ask(text: string, deadline = 300_000): Promise<string> {
		const { name, id } = owner;
		let reply = await this.discord.ask(name, text, { id, deadline });
		if (reply.content === this.#mayComeAgain) {
			const after = { after: reply.id, wait: deadline };
			const [next] = await this.discord.replies(name, after);
			if (!next)
				throw new Error(`only the last answer again: ${reply.content}`);
			reply = next;
		}
		this.#mayComeAgain = undefined;
		this.#answer = reply.content;
		return reply.content;
	}

	/** The power goes. Once it is back, the last answer may come once more: OpenClaw notes what it has sent after it was sent. */
	async cutPower(): Promise<void> {
		await this.host.cutPower();
		this.#mayComeAgain = this.#answer;
	}

	/** The power is back: ends when systemd has finished starting up. */
	async powerUp(): Promise<void> {
		await this.host.boot();
		await this.host.waitUntilUp(AbortSignal.timeout(120_000));
	}

	async timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
		const start = performance.now();
		try {
			return await work();
		} finally {
			this.times[stage] = Math.round(performance.now() - start);
		}
	}
}

async function createKey(call: typeof fetch) {
	const { accountId, masterKey } = account;
	const basic = Buffer.from(`${accountId}:${masterKey}`).toString("base64");
	const session = await call(
		"https://api.backblazeb2.com/b2api/v3/b2_authorize_account",
		{ headers: { authorization: `Basic ${basic}` } },
	);
	const { authorizationToken } = z
		.object({ authorizationToken: z.string() })
		.parse(await session.json());
	const made = await call(
		"https://api004.backblazeb2.com/b2api/v3/b2_create_key",
		{
			method: "POST",
			headers: { authorization: authorizationToken },
			body: JSON.stringify({
				accountId,
				keyName: "agent-test",
				capabilities: ["listBuckets", "listFiles", "readFiles", "writeFiles"],
			}),
		},
	);
	const { applicationKeyId, applicationKey } = z
		.object({ applicationKeyId: z.string(), applicationKey: z.string() })
		.parse(await made.json());
	return { "backup-key-id": applicationKeyId, "backup-key": applicationKey };
}

/** The product's own document, with what `AgentHost` says of itself. */
function document(trustedCertificates: string): string {
	const ignition = JSON.parse(
		renderHost(
			moltbot.id,
			{
				...sampleValues,
				bucketName: bucket,
				resolvers: resolverAddress,
				trustedCertificates,
			},
			{ compress: false },
		),
	);
	const file = (path: string, text: string) => ({
		path,
		mode: 0o644,
		overwrite: true,
		contents: { source: `data:,${encodeURIComponent(text)}` },
	});
	ignition.storage.files.push(
		file("/etc/os-release", "ID=fedora\nVERSION_ID=44\nVARIANT_ID=ucore\n"),
		file(
			"/etc/systemd/system/join.service.d/none.conf",
			"[Unit]\nConditionPathExists=/no/tailnet/here\n",
		),
	);
	return JSON.stringify(ignition);
}
