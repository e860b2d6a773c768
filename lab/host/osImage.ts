import { execFile } from "node:child_process";
import {
	copyFileSync,
	mkdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey } from "../../tools/cache.mjs";
import { tool } from "../../tools/setup.ts";
import { type Layout, writeImage } from "../oci.ts";

const run = promisify(execFile);
const unit = join(import.meta.dirname, "guest", "tailscaled.service");
const version = "44.20261101.lab";

const osRelease = `NAME="Fedora Linux"
ID=fedora
VERSION="${version} (lab look-alike of uCore)"
VERSION_ID=44
OSTREE_VERSION='${version}'
VARIANT="uCore"
VARIANT_ID=ucore
PRETTY_NAME="Lab host (looks like uCore, is Debian)"
`;

/** What the lab's uCore has more than its Fedora CoreOS: its name, and Tailscale. Unsigned; the lab signs it. */
export async function osImage(): Promise<Layout> {
	const programs = [await tool("tailscale"), await tool("tailscaled")] as const;
	const key = contentKey(osRelease, readFileSync(unit), ...programs);
	const folder = await cached(
		join(cacheFolder(), "lab", `os-image-${key}`),
		async (temporary) => {
			const tree = join(temporary, "tree");
			for (const path of ["usr/lib/systemd/system", "usr/bin", "usr/sbin"])
				mkdirSync(join(tree, path), { recursive: true });
			writeFileSync(join(tree, "usr/lib/os-release"), osRelease);
			const units = join(tree, "usr/lib/systemd/system");
			copyFileSync(unit, join(units, "tailscaled.service"));
			copyFileSync(programs[0], join(tree, "usr/bin/tailscale"));
			copyFileSync(programs[1], join(tree, "usr/sbin/tailscaled"));
			const layer = join(temporary, "layer.tar");
			await run("tar", [
				...["--create", `--file=${layer}`, `--directory=${tree}`],
				...["--sort=name", "--mtime=@0", "--owner=0", "--group=0"],
				...["--numeric-owner", "usr"],
			]);
			const { digest } = await writeImage(join(temporary, "layout"), [layer], {
				Labels: { "org.opencontainers.image.version": version },
			});
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
