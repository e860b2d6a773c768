import { gunzipSync } from "node:zlib";
import { moltbot } from "../../infra/platforms/moltbot.ts";
import { renderHost } from "../../infra/render.ts";
import { sampleValues } from "../../infra/testing.ts";

/** A file as Ignition writes it. */
export interface TreeFile {
	readonly path: string;
	readonly mode: number;
	readonly user: number;
	readonly group: number;
	readonly text: string;
}

/** What Ignition makes of a host, as plain data. */
export interface Tree {
	readonly files: readonly TreeFile[];
	readonly directories: readonly Omit<TreeFile, "text">[];
	readonly links: readonly { path: string; target: string }[];
	readonly users: readonly { name: string; homeDir?: string }[];
}

interface Node {
	path: string;
	mode?: number;
	user?: { id?: number };
	group?: { id?: number };
	contents?: { source?: string; compression?: string };
	target?: string;
}

/** The tree of a host of the first platform, with sample values. */
export function renderedTree(): Tree {
	const { storage, passwd } = JSON.parse(
		renderHost(moltbot.id, sampleValues, { compress: false }),
	);
	const traits = ({ path, mode, user, group }: Node) => ({
		path,
		mode: mode ?? 0o644,
		user: user?.id ?? 0,
		group: group?.id ?? 0,
	});
	return {
		files: storage.files.map((node: Node) => ({
			...traits(node),
			text: textOf(node),
		})),
		directories: storage.directories.map(traits),
		links: storage.links,
		users: passwd.users,
	};
}

function textOf({ contents }: Node): string {
	const source = contents?.source ?? "data:,";
	const [head = "", body = ""] = source.split(/,(.*)/s);
	const bytes = head.endsWith(";base64")
		? Buffer.from(body, "base64")
		: Buffer.from(decodeURIComponent(body));
	return String(contents?.compression === "gzip" ? gunzipSync(bytes) : bytes);
}

/** Values of a key in a unit file, in order. */
export function valuesOf(text: string, key: string): string[] {
	return text
		.split("\n")
		.filter((line) => line.startsWith(`${key}=`))
		.map((line) => line.slice(key.length + 1));
}
