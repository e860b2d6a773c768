/** Bytes `start`…`end`, both inclusive. */
export interface Range {
	readonly start: number;
	readonly end: number;
}

/** Reads a `Range` header of one range; `unsatisfiable` is HTTP 416, undefined means the whole. */
export function parseRange(
	header: string | undefined,
	size: number,
): Range | "unsatisfiable" | undefined {
	const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
	const [, first = "", last = ""] = match ?? [];
	if (first === "" && last === "") return undefined;
	const start = first === "" ? Math.max(size - Number(last), 0) : Number(first);
	const end =
		first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
	return start > end ? "unsatisfiable" : { start, end };
}
