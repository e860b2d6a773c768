import type { World } from "../world.ts";

/** A verb of `npm run lab`. */
export interface Command {
	/** What it does, for the list of verbs. */
	readonly about: string;
	/** Arguments it takes, for the list of verbs. */
	readonly takes?: string;
	/** @returns exit code */
	run(world: World, args: readonly string[]): Promise<number>;
}

/** Prints a step of something that takes its time. */
export function say(text: string): void {
	process.stdout.write(`lab: ${text}\n`);
}
