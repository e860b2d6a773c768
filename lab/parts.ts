import { tool } from "../tools/setup.ts";
import { type HostArtefacts, hostArtefacts } from "./host/artefacts.ts";
import { osImage } from "./host/osImage.ts";
import { resticImage } from "./host/resticImage.ts";
import { type LabImage, labImages } from "./images/index.ts";
import type { Layout } from "./oci.ts";

/** What every lab is made of. */
export interface LabParts {
	readonly artefacts: HostArtefacts;
	/** Images of the platform. */
	readonly images: readonly LabImage[];
	/** Image of the OS, unsigned. */
	readonly os: Layout;
	/** Image of the backup. */
	readonly restic: Layout;
}

/**
 * Brings programs, trees and images: half an hour of the processor on the first run, then from the cache.
 *
 * @param images brings the images of the platform
 */
export async function bringParts(images = labImages): Promise<LabParts> {
	const [artefacts, platformImages] = await Promise.all([
		hostArtefacts(),
		images(),
		bringPrograms(),
	]);
	const [os, restic] = await Promise.all([
		osImage(),
		resticImage(artefacts.rootTree),
	]);
	return { artefacts, images: platformImages, os, restic };
}

/** Programs that are built here, in the order in which others wait for them; one at a time, since a build takes every processor. */
async function bringPrograms(): Promise<void> {
	for (const name of [
		...(["ignition", "podman-remote", "tailscale"] as const),
		...(["headscale", "pulumi"] as const),
	])
		await tool(name);
}
