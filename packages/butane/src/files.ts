import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { messages } from "./errors.ts";

/** An entry of a directory tree, for `storage.trees`. */
export type FileEntry = {
	/** Path relative to the listed directory, with `/`; empty for the directory itself. */
	path: string;
	kind: "file" | "directory" | "link" | "other";
	executable?: boolean;
	target?: string;
};

/** Where `local:` paths are read from. Both functions throw an Error that says why when they cannot. */
export interface FileSource {
	read(path: string): Uint8Array;
	/** A directory and everything below it, parents first, each directory sorted by name. Only `storage.trees` needs it. */
	list?(path: string): readonly FileEntry[];
}

/** The directory version of FileSource: refuses paths which leave `dir`. */
export function filesDir(dir: string): FileSource {
	const base = resolve(dir);
	const inside = (path: string): string => {
		const full = resolve(base, `./${path}`);
		if (full !== base && !full.startsWith(base + sep))
			throw new Error(messages.filesEscape);
		return full;
	};
	return {
		read: (path) => readFileSync(inside(path)),
		list(path) {
			const root = inside(path);
			const entries = walk(root, "");
			if (entries[0]?.kind !== "directory")
				throw new Error(messages.treeNotDirectory);
			return entries;
		},
	};
}

function walk(full: string, path: string): FileEntry[] {
	const stat = lstatSync(full);
	if (stat.isSymbolicLink())
		return [{ path, kind: "link", target: readlinkSync(full) }];
	if (stat.isFile())
		return [{ path, kind: "file", executable: (stat.mode & 0o111) !== 0 }];
	if (!stat.isDirectory()) return [{ path, kind: "other" }];
	const names = readdirSync(full).sort((a, b) =>
		Buffer.compare(Buffer.from(a), Buffer.from(b)),
	);
	return [
		{ path, kind: "directory" },
		...names.flatMap((name) =>
			walk(join(full, name), path ? `${path}/${name}` : name),
		),
	];
}
