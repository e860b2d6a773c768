import type { HonoRequest } from "hono";
import { errors } from "./errors.ts";

/** One page of a list with its `meta`, by the query parameters `per_page` (100, at most 500) and `cursor`. */
export function page<T>(
	request: HonoRequest,
	all: readonly T[],
	id: (item: T) => string,
): {
	items: T[];
	meta: { total: number; links: { next: string; prev: string } };
} {
	const size = Number(request.query("per_page") ?? 100);
	if (!Number.isInteger(size) || size < 1 || size > 500) throw errors.body();
	const cursor = request.query("cursor") ?? "";
	let start = 0;
	if (cursor !== "") {
		const [direction, from] = Buffer.from(cursor, "base64")
			.toString()
			.split("__");
		const position = all.findIndex((item) => id(item) === from);
		if (position < 0) throw errors.body();
		start = direction === "prev" ? Math.max(0, position - size) : position;
	}
	const link = (direction: string, item: T | undefined) =>
		item === undefined
			? ""
			: Buffer.from(`${direction}__${id(item)}`).toString("base64");
	return {
		items: all.slice(start, start + size),
		meta: {
			total: all.length,
			links: {
				next: link("next", all[start + size]),
				prev: start > 0 ? link("prev", all[start]) : "",
			},
		},
	};
}
