import type { HonoRequest } from "hono";
import type { z } from "zod";
import { errors, type VultrError } from "./errors.ts";

/**
 * The JSON body, checked. A `null` is as good as an absent key: clients send `"tags": null` for what they do not mean to
 * change.
 */
export async function readBody<S extends z.ZodType>(
	request: HonoRequest,
	schema: S,
	explain: (field: string) => VultrError = () => errors.body(),
): Promise<z.output<S>> {
	let value: unknown;
	try {
		value = JSON.parse((await request.text()) || "{}");
	} catch {
		throw errors.body();
	}
	const result = schema.safeParse(withoutNulls(value));
	if (!result.success)
		throw explain(String(result.error.issues[0]?.path[0] ?? ""));
	return result.data;
}

function withoutNulls(value: unknown): unknown {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		return value;
	return Object.fromEntries(
		Object.entries(value).filter(([, entry]) => entry !== null),
	);
}
