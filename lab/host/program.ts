import { join } from "node:path";

/** Command line of a program out of a tree that is not entered: the tree brings loader and libraries. */
export function programOf(tree: string, path: string): string[] {
	return [
		join(tree, "usr/lib64/ld-linux-x86-64.so.2"),
		"--library-path",
		join(tree, "usr/lib/x86_64-linux-gnu"),
		join(tree, path),
	];
}
