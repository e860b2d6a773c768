import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Store } from "./cloud.ts";

/** A state file that cannot be used. */
export class StoreError extends Error {
	readonly code = "lab-store";
}

/**
 * Opens `<stateDir>/<name>.json`, or begins with `initial` where the file does not exist yet.
 * `save()` replaces the file in one step, so that a killed process leaves the old state or the new one.
 *
 * @throws StoreError where the file is not what the schema says.
 */
export function openStore<S extends z.ZodType>(
	stateDir: string,
	name: string,
	schema: S,
	initial: z.output<S>,
): Store<z.output<S>> {
	const file = join(stateDir, `${name}.json`);
	const store: Store<z.output<S>> = {
		data: read(file, schema) ?? structuredClone(initial),
		save() {
			mkdirSync(stateDir, { recursive: true, mode: 0o700 });
			writeFileSync(`${file}.new`, JSON.stringify(store.data, null, "\t"), {
				mode: 0o600,
			});
			renameSync(`${file}.new`, file);
		},
	};
	return store;
}

function read<S extends z.ZodType>(
	file: string,
	schema: S,
): z.output<S> | undefined {
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		throw new StoreError(
			`${file} is not JSON; delete it to begin with an empty state.`,
			{ cause },
		);
	}
	const result = schema.safeParse(value);
	if (!result.success)
		throw new StoreError(
			`${file} does not fit this version of the lab (${z.prettifyError(result.error)}); delete it to begin with an empty state.`,
		);
	return result.data;
}
