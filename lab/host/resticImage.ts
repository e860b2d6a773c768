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

/** As in its own image: one program, and places for certificates and temporary files. */
const files = [
	"usr/bin/restic",
	"usr/lib/x86_64-linux-gnu/libc.so.6",
	"usr/lib/x86_64-linux-gnu/libresolv.so.2",
];
const loader = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
const folders = ["etc/ssl/certs", "tmp"];
const config: ImageConfig = { Entrypoint: ["/usr/bin/restic"] };

/** Makes the image of restic out of the lab host's own packages. */
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
