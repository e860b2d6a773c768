import { createHmac, randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { z } from "zod";
import { openClock } from "./clock.ts";
import type { World } from "./cloud.ts";
import { openStore } from "./store.ts";

/**
 * Opens the world of a lab on a directory: its clock, its stores, its source of identifiers.
 *
 * @param options.seed makes `random` repeatable: the same seed on an empty directory gives the same identifiers
 *   in the same order. Each later start on that directory begins a series of its own, so nothing is handed out twice.
 */
export function createWorld(
	stateDir: string,
	options: { seed?: string | undefined } = {},
): World {
	mkdirSync(stateDir, { recursive: true, mode: 0o700 });
	return {
		stateDir,
		clock: openClock(stateDir),
		store: (name, schema, initial) =>
			openStore(stateDir, name, schema, initial),
		random:
			options.seed === undefined
				? (bytes) => randomBytes(bytes).toString("hex")
				: seededRandom(stateDir, options.seed),
	};
}

function seededRandom(
	stateDir: string,
	seed: string,
): (bytes: number) => string {
	const starts = openStore(
		stateDir,
		"starts",
		z.object({ count: z.number().int() }),
		{ count: 0 },
	);
	starts.data.count += 1;
	starts.save();
	let calls = 0;
	return (bytes) => {
		calls += 1;
		let hex = "";
		for (let block = 0; hex.length < bytes * 2; block++)
			hex += createHmac("sha256", seed)
				.update(`${starts.data.count}/${calls}/${block}`)
				.digest("hex");
		return hex.slice(0, bytes * 2);
	};
}

/** A random UUID (version 4 in form) from the world's source. */
export function uuid(world: Pick<World, "random">): string {
	const h = world.random(16);
	const variant = "89ab".charAt(Number.parseInt(h.charAt(16), 16) % 4);
	return `${h.slice(0, 8)}-${h.slice(8, 12)}-4${h.slice(13, 16)}-${variant}${h.slice(17, 20)}-${h.slice(20, 32)}`;
}
