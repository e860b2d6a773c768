import type { Path } from "./report.ts";

export type Fields = { [key: string]: unknown };

/** Where an output object came from. `whole`: everything in it came from that one place. */
type Origin = { path: Path; whole: boolean };
const origins = new WeakMap<object, Origin>();

/** Notes that an object of the output was written at `path` of the Butane document. */
export function from(path: Path, value: Fields, whole = false): Fields {
	origins.set(value, { path, whole });
	return value;
}

export const isFields = (value: unknown): value is Fields =>
	typeof value === "object" && value !== null && !Array.isArray(value);

/** The place in the document of a place in the output, or undefined if nothing is known of it. */
export function originOf(
	output: unknown,
	path: Path,
	rename: (part: string) => string,
): Path | undefined {
	let at = output;
	let best: Path | undefined;
	for (let n = 0; n <= path.length; n++) {
		const origin = isFields(at) ? origins.get(at) : undefined;
		if (origin?.whole) return origin.path;
		const rest = path
			.slice(n)
			.map((p) => (typeof p === "string" ? rename(p) : p));
		if (origin) best = [...origin.path, ...rest];
		if (typeof at !== "object" || at === null) break;
		at = (at as Record<string | number, unknown>)[path[n] ?? ""];
	}
	return best;
}

/** Lists whose entries have no identity: entries may repeat, and a merge appends. */
export const repeating = new Set(["options", "mountOptions", "append"]);

/** What identifies an entry of a list. */
export function keyOf(list: string, item: unknown): string {
	if (!isFields(item)) return String(item);
	if (list === "partitions")
		return item.number
			? `number:${item.number}`
			: item.label !== undefined
				? `label:${item.label}`
				: "";
	const key = keys[list];
	return key ? String(item[key] ?? "") : "";
}

const keys: Record<string, string> = {
	certificateAuthorities: "source",
	directories: "path",
	disks: "device",
	dropins: "name",
	files: "path",
	filesystems: "device",
	groups: "name",
	httpHeaders: "name",
	links: "path",
	luks: "name",
	merge: "source",
	raid: "name",
	tang: "url",
	units: "name",
	users: "name",
};

/** Ignition's merge: what `child` says wins, entries of lists are matched by their key, entries only in `child` come last. */
export function merge(parent: Fields, child: Fields): Fields {
	const out: Fields = { ...parent };
	for (const [key, value] of Object.entries(child)) {
		const old = parent[key];
		if (isFields(old) && isFields(value)) out[key] = merge(old, value);
		else if (Array.isArray(old) && Array.isArray(value))
			out[key] = mergeLists(key, old, value);
		else out[key] = value;
	}
	const origin = origins.get(child) ?? origins.get(parent);
	if (origin) origins.set(out, origin);
	return out;
}

function mergeLists(name: string, parent: unknown[], child: unknown[]) {
	if (repeating.has(name)) return [...parent, ...child];
	const byKey = new Map(child.map((item) => [keyOf(name, item), item]));
	const known = new Set(parent.map((item) => keyOf(name, item)));
	return [
		...parent.map((item) => {
			const other = byKey.get(keyOf(name, item));
			return isFields(item) && isFields(other) ? merge(item, other) : item;
		}),
		...child.filter((item) => !known.has(keyOf(name, item))),
	];
}
