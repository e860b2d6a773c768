import { isDeepStrictEqual } from "node:util";
import { dump, load } from "js-yaml";
import { z } from "zod";

/** Settings of a stack, by their full names. */
export const settingsSchema = z.record(z.string(), z.unknown());
const fileSchema = z.looseObject({ config: settingsSchema.default({}) });

/** What `settingsSchema` lets pass. */
export type Settings = z.output<typeof settingsSchema>;

/** Settings in the text of a `Pulumi.<stack>.yaml`; an empty text has none. */
export function settingsOf(text: string): Settings {
	return text === "" ? {} : fileSchema.parse(load(text)).config;
}

/**
 * The text of a stack's file with what the lab gives now, and with what the operator has set or removed since (`pulumi config`): a setting
 * stays as it is in `before` where it is not what the lab wrote there the last time.
 *
 * @param given what the lab gives now
 * @param written what it gave the last time; empty where there was none
 * @param before the file as it is, empty where there is none
 */
export function stackFile(
	given: Settings,
	written: Settings,
	before: string,
): string {
	if (before === "") return dump({ config: given });
	const file = fileSchema.parse(load(before));
	const names = new Set([...Object.keys(given), ...Object.keys(file.config)]);
	const config: Settings = {};
	for (const name of names) {
		const isOurs = isDeepStrictEqual(file.config[name], written[name]);
		const value = isOurs ? given[name] : file.config[name];
		if (value !== undefined) config[name] = value;
	}
	return dump({ ...file, config });
}
