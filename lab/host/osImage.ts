import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tool } from "../../tools/setup.ts";
import type { Layout } from "../oci.ts";
import { treeImage } from "../treeImage.ts";

const recipe = readFileSync(import.meta.filename);
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
	const [client, daemon] = [await tool("tailscale"), await tool("tailscaled")];
	return treeImage(
		"os",
		[recipe, readFileSync(unit), client, daemon],
		{ Labels: { "org.opencontainers.image.version": version } },
		(tree) => {
			for (const path of ["usr/lib/systemd/system", "usr/bin", "usr/sbin"])
				mkdirSync(join(tree, path), { recursive: true });
			writeFileSync(join(tree, "usr/lib/os-release"), osRelease);
			const units = join(tree, "usr/lib/systemd/system");
			copyFileSync(unit, join(units, "tailscaled.service"));
			copyFileSync(client, join(tree, "usr/bin/tailscale"));
			copyFileSync(daemon, join(tree, "usr/sbin/tailscaled"));
		},
	);
}
