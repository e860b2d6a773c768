import { readFileSync } from "node:fs";
import { buildOf } from "./builds.ts";
import type { Host } from "./host.ts";
import type { Platform } from "./platforms/platform.ts";
import { Delivery, Readiness } from "./provider/sdk.ts";
import * as pulumi from "./pulumi.ts";
import { repository } from "./render.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import { fillIn } from "./template.ts";

/** How long the agent may take from a delivery until it is ready: pull of the image, restore, start. */
const readySeconds = 30 * 60;

/** What the host's `deliver` takes on standard input beside the secrets; see quadlets/host/deliver. */
export interface DeliveryDocument {
	readonly version: 1;
	readonly generation: number;
	readonly files: readonly {
		path: string;
		owner: "iac" | "seed";
		mode: string;
		content: string;
	}[];
	readonly images: Readonly<Record<string, string>>;
	/** Images that those are built on which the host builds by itself. */
	readonly bases: readonly string[];
	readonly os: string;
	readonly env: Readonly<Record<string, string>>;
}

/** Puts the delivery of a platform together. Same input, same bytes. */
export function deliveryDocument(
	platform: Platform,
	settings: Settings,
	generation: number,
): DeliveryDocument {
	const values = platform.values(settings);
	const images = deliveredImages(platform, settings);
	const builds = Object.values(images).flatMap((image) => buildOf(image) ?? []);
	return {
		version: 1,
		generation,
		files: [
			...platform.files.map(({ path, template, owner, mode }) => ({
				path,
				owner,
				mode,
				content: fillIn(
					template,
					readFileSync(`${repository}${template}`, "utf8"),
					values,
				),
			})),
			...builds.flatMap(({ name, files }) =>
				files.map((file) => ({
					path: `/etc/moltbot/build-${name}/${file.name}`,
					owner: "iac" as const,
					mode: "0644",
					content: file.text,
				})),
			),
		],
		images,
		bases: builds.map(({ base }) => base),
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
	const delivery = new Delivery(
		"delivery",
		{
			hostname: settings.hostname,
			address: host.boot.address,
			generation: host.generation,
			document: host.generation.apply((generation) =>
				JSON.stringify(deliveryDocument(platform, settings, generation)),
			),
			secrets: secrets.agent,
			hostSecrets: secrets.host,
			hostValues: pulumi.secret({
				"backup-key-id": host.backupKey.keyId,
				"backup-key": host.backupKey.key,
				...(settings.notifyUrl && { "notify-url": settings.notifyUrl }),
				...(settings.heartbeatUrl && {
					"heartbeat-url": settings.heartbeatUrl,
				}),
			}),
		},
		{ parent: host, dependsOn: [host.lastBackup] },
	);
	return new Readiness(
		"readiness",
		{
			hostname: settings.hostname,
			address: host.boot.address,
			generation: host.generation,
			deliveryId: delivery.deliveryId,
			deadlineSeconds: readySeconds,
		},
		{ parent: host },
	);
}
