import type { Cloud, World } from "./cloud.ts";

/** A stand-in that `main.ts` can start from a configuration file. */
export interface CatalogEntry {
	/** Key of its options in the configuration file. */
	name: string;
	/** Makes it; `options` is what the file holds for it (or `undefined`), checked by the stand-in itself. */
	create(world: World, options: unknown): Cloud | Promise<Cloud>;
}

/** Every stand-in that `node lab/clouds/main.ts` starts. */
export const catalog: readonly CatalogEntry[] = [];
