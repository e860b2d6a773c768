import { buildOf } from "./builds.ts";
import type { Platform } from "./platforms/platform.ts";
import { parseImage } from "./provider/clients/registry.ts";
import type { Settings } from "./settings.ts";

/** Registries send those who pull elsewhere: for a token, and for the layers. */
const behindRegistry: Readonly<Record<string, readonly string[]>> = {
	"ghcr.io": ["pkg-containers.githubusercontent.com"],
	"registry-1.docker.io": [
		"auth.docker.io",
		"production.cloudflare.docker.com",
	],
	"quay.io": ["cdn.quay.io", "cdn01.quay.io", "cdn02.quay.io", "cdn03.quay.io"],
};

/** What the host's packet filter lets the agent reach: names and networks, sorted; empty where the internet is open. */
export function egressList(
	platform: Pick<Platform, "egress" | "images">,
	settings: Settings,
): string[] {
	const wanted: readonly string[] = settings.egress;
	if (wanted.includes("open")) return [];
	const registries = Object.values(platform.images(settings)).map(
		(image) => parseImage(buildOf(image)?.base ?? image).registry,
	);
	const entries = [
		...wanted.filter((entry) => entry !== "platform"),
		...platform.egress,
		...registries,
		...registries.flatMap((name) => behindRegistry[name] ?? []),
	];
	// A registry may carry a port; the filter knows names.
	return [...new Set(entries.map((e) => e.replace(/:\d+$/, "")))].sort();
}
