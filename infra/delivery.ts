import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Command } from "@pulumi/command/remote/command.js";
import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import type { Platform } from "./platforms/platform.ts";
import { Readiness } from "./provider/sdk.ts";
import { repository } from "./render.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import { fillIn } from "./template.ts";

/** How long the agent may take from a delivery until it is ready: pull and uid shift of the image, restore, start. */
const readySeconds = 30 * 60;

/** What the host's `deliver` takes on standard input; see quadlets/host/deliver. */
export interface DeliveryDocument {
	readonly version: 1;
	readonly generation: number;
	/** Readable by the agent's uid. */
	readonly secrets: Readonly<Record<string, string>>;
	/** Readable by root alone. */
	readonly hostSecrets: Readonly<Record<string, string>>;
	readonly files: readonly {
		path: string;
		owner: "iac" | "seed";
		mode: string;
		content: string;
	}[];
	readonly images: Readonly<Record<string, string>>;
	readonly os: string;
	readonly env: Readonly<Record<string, string>>;
}

/** Puts the delivery of a platform together. Same input, same bytes. */
export function deliveryDocument(
	platform: Platform,
	settings: Settings,
	generation: number,
	secrets: Readonly<Record<string, string>>,
	hostSecrets: Readonly<Record<string, string>>,
): DeliveryDocument {
	const values = platform.values(settings);
	return {
		version: 1,
		generation,
		secrets,
		hostSecrets,
		files: platform.files.map(({ path, template, owner, mode }) => ({
			path,
			owner,
			mode,
			content: fillIn(
				template,
				readFileSync(`${repository}${template}`, "utf8"),
				values,
			),
		})),
		images: deliveredImages(platform, settings),
		os: settings.osImage,
		env: {},
	};
}

function deliveredImages(platform: Platform, settings: Settings) {
	return { ...platform.images(settings), backup: settings.backupImage };
}

/**
 * What runs on the host once it is ready: the images that were delivered, and the operating system that it says it booted.
 * @param summary what `moltbot status --json` said
 */
export function runningImages(
	platform: Platform,
	settings: Settings,
	summary: string,
): Record<string, string> {
	const { os }: { os?: { image?: string | null } } = JSON.parse(summary);
	return {
		...deliveredImages(platform, settings),
		...(os?.image ? { os: os.image } : {}),
	};
}

/**
 * Sends secrets, files and digests to the host over SSH, on standard input, whenever one of them changes, and waits
 * until the agent is up with them.
 */
export function deliver(
	platform: Platform,
	settings: Settings,
	host: Host,
	secrets: Secrets,
): Readiness {
	const document = pulumi
		.all([
			host.generation,
			pulumi.all({ ...secrets.agent }),
			pulumi.all({
				"backup-password": secrets.backupPassword,
				"backup-key-id": host.backupKey.keyId,
				"backup-key": host.backupKey.key,
				...(settings.notifyUrl && { "notify-url": settings.notifyUrl }),
				...(settings.heartbeatUrl && {
					"heartbeat-url": settings.heartbeatUrl,
				}),
			}),
		])
		.apply(([generation, values, hostValues]) =>
			JSON.stringify(
				deliveryDocument(platform, settings, generation, values, hostValues),
			),
		);
	const delivery = new Command(
		"delivery",
		{
			// Tailscale SSH asks for no key and no password; the tailnet has already proven who the host is.
			connection: {
				host: host.boot.address,
				user: "core",
				dialErrorLimit: 20,
				perDialTimeout: 15,
			},
			create: "sudo /usr/local/libexec/moltbot/deliver",
			stdin: pulumi.secret(document),
			addPreviousOutputInEnv: false,
			// The answer names paths and units only, but whatever a host prints stays out of console and state.
			logging: "none",
		},
		{
			parent: host,
			additionalSecretOutputs: ["stdout", "stderr"],
			dependsOn: [host.lastBackup],
		},
	);
	return new Readiness(
		"readiness",
		{
			hostname: settings.hostname,
			address: host.boot.address,
			generation: host.generation,
			// Made from secrets, so it stays one: a weak password could be guessed from its hash.
			deliveryId: document.apply(hashOf),
			deadlineSeconds: readySeconds,
		},
		{ parent: host, dependsOn: [delivery] },
	);
}

function hashOf(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}
