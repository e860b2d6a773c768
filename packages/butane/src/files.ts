import { readFileSync } from "node:fs";
import { resolve, sep } from "node:path";
import { messages } from "./errors.ts";

/** An entry of a directory tree, for `storage.trees`. */
export type FileEntry = {
	/** Path relative to the listed directory, with `/`. */
	path: string;
	kind: "file" | "directory" | "link" | "other";
	executable?: boolean;
	target?: string;
};

/** Where `local:` paths are read from. Both functions throw an Error that says why when they cannot. */
export interface FileSource {
	read(path: string): Uint8Array;
	/** Everything below a directory, parents first, sorted by path. Only `storage.trees` needs it. */
	list?(path: string): readonly FileEntry[];
}

/** The directory version of FileSource: refuses paths which leave `dir`. */
export function filesDir(dir: string): FileSource {
	const base = resolve(dir);
	return {
		read(path) {
			const full = resolve(base, `./${path}`);
			if (full !== base && !full.startsWith(base + sep))
				throw new Error(messages.filesEscape);
			return readFileSync(full);
		},
	};
}
