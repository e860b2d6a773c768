import type { Store, World } from "../cloud.ts";
import type { Account, Instance } from "./model.ts";
import type { VultrSettings } from "./options.ts";
import type { Plant } from "./plant.ts";

/** What all routes of the API share. */
export interface Context {
	world: World;
	settings: VultrSettings;
	store: Store<Account>;
	plant: Plant;
}

/** `2026-11-21T12:00:00+00:00`: how the API writes times. */
export function isoTime(milliseconds: number): string {
	return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "+00:00");
}

/** Is the instance still answered for? It goes some time after DELETE. */
export function isListed(context: Context, instance: Instance): boolean {
	const now = context.world.clock.now();
	const { gone, visible } = context.settings.delays;
	if (now < instance.created + visible) return false;
	return instance.deleted === null || now < instance.deleted + gone;
}
