import { z } from "zod";
import { schemaOf } from "./schema.ts";
import { since, type Version, versions } from "./versions.ts";

const all = Object.keys(versions) as Version[];

/** What is supported, in Markdown: the versions, and every key with the version that brought it. */
export function supportTable(): string {
	const newest = schemaOf(all.at(-1) as Version, false);
	return [
		...["| Butane | Ignition |", "|---|---|"],
		...all.map((version) => `| ${version} | ${versions[version]} |`),
		"",
		...["| Section | Keys (in brackets: since) |", "|---|---|"],
		...sections(newest, "").map(
			([path, keys]) => `| \`${path}\`${age(path)} | ${keys.join(", ")} |`,
		),
	].join("\n");
}

/** Every mapping of the schema with the names of its keys. */
function sections(schema: z.ZodObject, path: string): [string, string[]][] {
	const own: string[] = [];
	const below: [string, string[]][] = [];
	for (const [key, type] of Object.entries(schema.shape)) {
		const here = path ? `${path}.${key}` : key;
		const inner = mappingIn(type);
		if (!inner || path) own.push(`${key}${age(here)}`);
		if (inner) below.push(...sections(inner, here));
	}
	return path ? [[path, own], ...below] : below;
}

const age = (path: string): string =>
	since[path] ? ` (${all[since[path]]})` : "";

/** The mapping that a field is, or is a list of. */
function mappingIn(type: z.core.$ZodType): z.ZodObject | undefined {
	if (type instanceof z.ZodOptional) return mappingIn(type.unwrap());
	if (type instanceof z.ZodArray) return mappingIn(type.element);
	return type instanceof z.ZodObject ? type : undefined;
}
