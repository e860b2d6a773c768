import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Layout } from "../oci.ts";
import { treeImage } from "../treeImage.ts";

const recipe = readFileSync(import.meta.filename);

/** What a host asks of the image that images/backup makes: restic, sqlite3, the shell that calls it, and tar. */
const programs = ["restic", "sqlite3", "sh", "head", "tar"];
const libraries = [
	...["acl", "c", "m", "pcre2-8", "readline"],
	...["resolv", "selinux", "tinfo", "z"],
];
const versions: Readonly<Record<string, number>> = {
	acl: 1,
	"pcre2-8": 0,
	readline: 8,
	resolv: 2,
	selinux: 1,
	z: 1,
};
const files = [
	...programs.map((name) => `usr/bin/${name}`),
	...libraries.map(
		(name) => `usr/lib/x86_64-linux-gnu/lib${name}.so.${versions[name] ?? 6}`,
	),
];
const loader = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
const folders = ["etc/ssl/certs", "tmp"];

/** Makes the backup image out of the lab host's own packages: some megabytes, where Debian's would be pulled at every boot. */
export function resticImage(rootTree: string): Promise<Layout> {
	return treeImage(
		"restic",
		[recipe, rootTree],
		{ Entrypoint: ["/usr/bin/restic"] },
		(tree) => {
			const copy = (from: string, to: string) => {
				mkdirSync(dirname(join(tree, to)), { recursive: true });
				copyFileSync(join(rootTree, from), join(tree, to));
			};
			for (const path of files) copy(path, path);
			copy(loader, "lib64/ld-linux-x86-64.so.2");
			for (const path of folders)
				mkdirSync(join(tree, path), { recursive: true });
		},
	);
}
