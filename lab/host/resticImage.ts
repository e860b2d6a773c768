import { execFile } from "node:child_process";
import {
	copyFileSync,
	mkdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey } from "../../tools/cache.mjs";
import { type ImageConfig, type Layout, writeImage } from "../oci.ts";

const run = promisify(execFile);

/** What a host asks of the image that images/backup makes: restic, sqlite3, the shell that calls it, and tar. */
const programs = ["restic", "sqlite3", "sh", "head", "tar"];
const libraries = [
	...[
		"acl",
		"c",
		"m",
		"pcre2-8",
		"readline",
		"resolv",
		"selinux",
		"tinfo",
		"z",
	],
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
const config: ImageConfig = { Entrypoint: ["/usr/bin/restic"] };

/** Makes the backup image out of the lab host's own packages: some megabytes, where Debian's would be pulled at every boot. */
export async function resticImage(rootTree: string): Promise<Layout> {
	const recipe = JSON.stringify([files, loader, folders, config]);
	const key = contentKey(rootTree, recipe);
	const folder = await cached(
		join(cacheFolder(), "lab", `restic-image-${key}`),
		async (temporary) => {
			const tree = join(temporary, "tree");
			const copy = (from: string, to: string) => {
				mkdirSync(dirname(join(tree, to)), { recursive: true });
				copyFileSync(join(rootTree, from), join(tree, to));
			};
			for (const path of files) copy(path, path);
			copy(loader, "lib64/ld-linux-x86-64.so.2");
			for (const path of folders)
				mkdirSync(join(tree, path), { recursive: true });
			const layer = join(temporary, "layer.tar");
			await run("tar", [
				...["--create", `--file=${layer}`, `--directory=${tree}`],
				...["--sort=name", "--mtime=@0", "--owner=0", "--group=0"],
				...["--numeric-owner", "."],
			]);
			const { digest } = await writeImage(
				join(temporary, "layout"),
				[layer],
				config,
			);
			writeFileSync(join(temporary, "digest"), digest);
			rmSync(tree, { recursive: true });
			rmSync(layer);
		},
	);
	return {
		folder: join(folder, "layout"),
		digest: readFileSync(join(folder, "digest"), "utf8"),
	};
}
