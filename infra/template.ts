import { ProgramError } from "./errors.ts";

/** Values for `{{ name }}` placeholders. */
export type Values = Readonly<Record<string, string>>;

const placeholder = /\{\{ *([A-Za-z][A-Za-z0-9]*) *\}\}/g;

/** Names of the placeholders in a text, each once. */
export function placeholdersOf(text: string): string[] {
	return [...new Set([...text.matchAll(placeholder)].map((m) => m[1] ?? ""))];
}

/**
 * Replaces every `{{ name }}` of a file by its value.
 * @throws ProgramError `unknown-placeholder` naming file and placeholder.
 */
export function fillIn(file: string, text: string, values: Values): string {
	return text.replace(placeholder, (_, name: string) => {
		const value = Object.hasOwn(values, name) ? values[name] : undefined;
		if (value === undefined)
			throw new ProgramError(
				"unknown-placeholder",
				`${file}: {{ ${name} }} has no value; known are ${Object.keys(values).join(", ")}.`,
			);
		return value;
	});
}
