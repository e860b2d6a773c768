import type { Ignition } from "./validate.ts";

/** JSON text with sorted keys: the same configuration gives the same bytes everywhere. */
export function serialize(
	ignition: Ignition,
	{ pretty = false }: { pretty?: boolean } = {},
): string {
	return JSON.stringify(sorted(ignition), null, pretty ? 2 : undefined);
}

function sorted(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(sorted);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value)
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(([key, child]) => [key, sorted(child)]),
	);
}
