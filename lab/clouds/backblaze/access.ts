import type { Capability, Key } from "./model.ts";
import type { Storage } from "./storage.ts";

/** What a call is about: B2 restricts keys by bucket and by a prefix of file names. */
export interface Target {
	readonly bucket?: string | undefined;
	readonly name?: string | undefined;
}

/** Whether the key still lives by the lab's clock. */
export function isAlive(storage: Storage, key: Key): boolean {
	return key.expires === null || key.expires > storage.world.clock.now();
}

/** Whether a key may do this to that bucket and file name (or listing prefix). */
export function allows(key: Key, capability: Capability, to: Target): boolean {
	if (!key.capabilities.includes(capability)) return false;
	if (key.buckets !== null && to.bucket !== undefined)
		if (!key.buckets.includes(to.bucket)) return false;
	if (key.prefix !== null && to.name !== undefined)
		return to.name.startsWith(key.prefix);
	return true;
}
