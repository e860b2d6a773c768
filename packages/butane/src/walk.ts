import { type Fields, isFields } from "./merge.ts";
import type { Path } from "./report.ts";

export const text = (value: unknown): string =>
	typeof value === "string" ? value : "";

export const fields = (value: unknown): Fields =>
	isFields(value) ? value : {};

/** Visits the entries of a list with their paths; what is no list has none. */
export function each(
	list: unknown,
	path: Path,
	visit: (item: Fields, path: Path) => void,
): void {
	if (!Array.isArray(list)) return;
	for (const [i, item] of list.entries()) visit(fields(item), [...path, i]);
}
