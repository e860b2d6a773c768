import {
	chmodSync,
	copyFileSync,
	mkdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Ingredients } from "../../lab/treeImage.ts";
import { debianFile } from "../../tools/debian.ts";

const recipe = readFileSync(import.meta.filename);

/** What small images begin with: a shell, and the few programs that the units' probes call. */
export async function busyboxBase(more: readonly string[] = []): Promise<{
	readonly ingredients: Ingredients;
	readonly fill: (tree: string) => void;
}> {
	const busybox = await debianFile({
		package: "busybox-static",
		suite: "bookworm",
		path: "bin/busybox",
		name: "busybox",
	});
	const names = ["sh", "wget", "cat", "id", "ls", ...more];
	return {
		ingredients: [recipe, busybox, ...names],
		fill(tree) {
			for (const path of ["usr/bin", "tmp", "etc/pki", "run/podman"])
				mkdirSync(join(tree, path), { recursive: true });
			symlinkSync("usr/bin", join(tree, "bin"));
			copyFileSync(join(busybox, "busybox"), join(tree, "usr/bin/busybox"));
			chmodSync(join(tree, "usr/bin/busybox"), 0o755);
			for (const name of names)
				symlinkSync("busybox", join(tree, "usr/bin", name));
			program(
				tree,
				"curl",
				'for url; do :; done\nexec wget -q -O /dev/null "$url"',
			);
		},
	};
}

/** Writes a program of shell into /usr/bin, which must be there. */
export function program(tree: string, name: string, text: string): void {
	const file = join(tree, "usr/bin", name);
	writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}
