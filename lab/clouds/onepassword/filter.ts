import { errors } from "./errors.ts";

/**
 * A filter of the SCIM form `attribute eq "value"`, the only form that the clients send.
 * Without a filter everything matches; anything else is refused.
 */
export function parseFilter(
	text: string | undefined,
	attributes: readonly string[],
): { attribute: string; value: string } | undefined {
	if (text === undefined || text === "") return undefined;
	const match = /^(\w+) eq ("(?:[^"\\]|\\.)*")$/.exec(text.trim());
	const attribute = match?.[1] ?? "";
	if (!match?.[2] || !attributes.includes(attribute)) throw errors.filter();
	try {
		return { attribute, value: String(JSON.parse(match[2])) };
	} catch {
		throw errors.filter();
	}
}
