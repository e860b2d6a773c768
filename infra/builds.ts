import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { ProgramError } from "./errors.ts";
import { repository } from "./render.ts";

/** An image that a host builds by itself, because the stack names none. */
export interface Build {
	/** Folder of `images/` that it is built from, and its name in the delivery. */
	readonly name: string;
	/** The image's name on the host. Made of what goes into it, so another content is another image. */
	readonly reference: string;
	/** The image that it is built on, by digest. */
	readonly base: string;
	/** What the build needs to see, the Containerfile among it. */
	readonly files: readonly { readonly name: string; readonly text: string }[];
}

const builtPrefix = "localhost/moltbot-";

/** By name: a run asks for each several times, and its folder does not change meanwhile. */
const known = new Map<string, Build>();

/**
 * The build of `images/<name>`.
 * @throws ProgramError `base-not-pinned`
 */
export function buildNamed(name: string): Build {
	const build = known.get(name) ?? readBuild(name);
	known.set(name, build);
	return build;
}

function readBuild(name: string): Build {
	const folder = `${repository}images/${name}/`;
	const files = readdirSync(folder)
		.sort()
		.map((file) => ({ name: file, text: readFileSync(folder + file, "utf8") }));
	const hash = createHash("sha256").update(JSON.stringify(files)).digest("hex");
	return {
		name,
		reference: `${builtPrefix}${name}:${hash.slice(0, 12)}`,
		base: baseOf(
			name,
			files.find((file) => file.name === "Containerfile")?.text ?? "",
		),
		files,
	};
}

/** The build behind the name of an image; undefined where a registry has it. */
export function buildOf(reference: string): Build | undefined {
	if (!reference.startsWith(builtPrefix)) return undefined;
	const [name = ""] = reference.slice(builtPrefix.length).split(":");
	return buildNamed(name);
}

/** Engine and signature policy know an image by its digest alone, so a tag beside it is left out. */
function baseOf(name: string, containerfile: string): string {
	const argument = /^FROM \$\{(\w+)\}$/m.exec(containerfile)?.[1];
	const base = new RegExp(`^ARG ${argument}=(\\S+)$`, "m").exec(
		containerfile,
	)?.[1];
	const parts = /^(.+?)(?::[\w.-]+)?(@sha256:[0-9a-f]{64})$/.exec(base ?? "");
	if (!parts)
		throw new ProgramError(
			"base-not-pinned",
			`images/${name}/Containerfile: found ${base ?? "no base"}; allowed is FROM \${X} with ARG X=<registry>/<name>@sha256:<64 hex digits>. Name the base like that, or set ${name}Image to an image that is built already.`,
		);
	return `${parts[1]}${parts[2]}`;
}
