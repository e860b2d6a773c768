import { buildOf } from "../builds.ts";
import type { Platform } from "../platforms/platform.ts";
import type { Registry } from "../provider/clients/registry.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fault, guarded } from "./finding.ts";
import { texts } from "./texts.ts";

/** Every pinned image is where its registry's name says, and so is the base of each that the host builds. */
export async function imageFindings(
	registry: Registry,
	platform: Pick<Platform, "images">,
	settings: Settings,
): Promise<Finding[]> {
	const images = {
		os: settings.osImage,
		backup: settings.backupImage,
		...platform.images(settings),
	};
	const findings = Object.entries(images).map(([name, image]) =>
		guarded(async () => {
			const build = buildOf(image);
			if (await registry.exists(build?.base ?? image)) return [];
			return [
				fault(
					build
						? texts.baseMissing(name, build.base)
						: texts.imageMissing(name, image),
				),
			];
		}),
	);
	return (await Promise.all(findings)).flat();
}
