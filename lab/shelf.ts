import {
	createPrivateKey,
	createPublicKey,
	generateKeyPairSync,
} from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { writeSignature } from "./oci.ts";
import type { LabParts } from "./parts.ts";
import type { Place } from "./place.ts";

/** What the lab's registry serves, and the settings that name it. */
export interface Shelf {
	/** For the registry stand-in. */
	readonly layouts: readonly {
		folder: string;
		repository: string;
		tag: string;
	}[];
	/** Settings of the stack. */
	readonly settings: Readonly<Record<string, string>>;
}

const osRepository = "ghcr.io/ublue-os/ucore-minimal";

/** Every image that the program names, the OS image with the signature of this lab. */
export function stockShelf(
	place: Place,
	{ images: platform, os, restic }: Omit<LabParts, "artefacts">,
): Shelf {
	const key = signingKey(place);
	const signature = writeSignature(
		place.path("os-signature"),
		osRepository,
		os.digest,
		key,
	);
	const images = [
		{ setting: "osImage", repository: osRepository, ...os },
		{
			setting: "backupImage",
			repository: "docker.io/restic/restic",
			...restic,
		},
		...platform,
	];
	return {
		layouts: [
			...images.map(({ folder, repository }) => ({
				folder,
				repository,
				tag: "lab",
			})),
			{
				folder: signature.folder,
				repository: osRepository,
				tag: `${os.digest.replace(":", "-")}.sig`,
			},
		],
		settings: {
			osSigningKey: createPublicKey(key)
				.export({ type: "spki", format: "pem" })
				.toString(),
			...Object.fromEntries(
				images.map(({ setting, repository, digest }) => [
					setting,
					`${repository}@${digest}`,
				]),
			),
		},
	};
}

/** What signs this lab's OS image. */
function signingKey(place: Place) {
	const file = place.path("os-signing.key");
	if (existsSync(file)) return createPrivateKey(readFileSync(file));
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }), {
		mode: 0o600,
	});
	return privateKey;
}
