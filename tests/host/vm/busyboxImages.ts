import { execFile } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	mkdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LabImage } from "../../../lab/images/index.ts";
import { type Layout, writeImage } from "../../../lab/oci.ts";
import { cached, cacheFolder, contentKey } from "../../../tools/cache.mjs";
import { debianFile } from "../../../tools/debian.ts";

const run = promisify(execFile);

/** Answers where the platform's probes ask; not the agent. */
const scripts = {
	"usr/bin/openclaw": `#!/bin/sh
case $1 in
# The first process of a container gets only the signals that it asks for.
gateway) trap 'exit 0' TERM; httpd -f -h /srv -p 18789 & wait ;;
health) echo '{"channels":{"discord":{"connected":true}}}' ;;
esac
`,
	// In the place of what stands before the engine; nobody asks it here.
	"usr/bin/node":
		"#!/bin/sh\ntrap 'exit 0' TERM\nbusybox sleep 9999999 & wait\n",
	"usr/bin/curl":
		'#!/bin/sh\nfor url; do :; done\nexec wget -q -O /dev/null "$url"\n',
	"srv/healthz": "ok\n",
	"srv/readyz": "ok\n",
};

/** Images of two megabytes in the place of the agent's: on a translated processor everything else takes minutes. */
export async function busyboxImages(): Promise<LabImage[]> {
	const layout = await busyboxImage();
	return [
		{ setting: "gatewayImage", repository: "ghcr.io/test/gateway", ...layout },
		{ setting: "sandboxImage", repository: "ghcr.io/test/sandbox", ...layout },
	];
}

async function busyboxImage(): Promise<Layout> {
	const busybox = await debianFile({
		package: "busybox-static",
		suite: "bookworm",
		path: "bin/busybox",
		name: "busybox",
	});
	const key = contentKey(busybox, JSON.stringify(scripts));
	const folder = await cached(
		join(cacheFolder(), "lab", `busybox-image-${key}`),
		async (temporary) => {
			const tree = join(temporary, "tree");
			for (const path of ["usr/bin", "srv", "tmp", "etc/pki", "run/podman"])
				mkdirSync(join(tree, path), { recursive: true });
			symlinkSync("usr/bin", join(tree, "bin"));
			copyFileSync(join(busybox, "busybox"), join(tree, "usr/bin/busybox"));
			chmodSync(join(tree, "usr/bin/busybox"), 0o755);
			for (const name of ["sh", "httpd", "wget", "cat", "id", "ls"])
				symlinkSync("busybox", join(tree, "usr/bin", name));
			for (const [path, text] of Object.entries(scripts))
				writeFileSync(join(tree, path), text, { mode: 0o755 });
			const layer = join(temporary, "layer.tar");
			await run("tar", [
				...["--create", `--file=${layer}`, `--directory=${tree}`],
				...["--sort=name", "--mtime=@0", "--owner=0", "--group=0"],
				...["--numeric-owner", "."],
			]);
			const { digest } = await writeImage(join(temporary, "layout"), [layer], {
				Entrypoint: ["/usr/bin/openclaw"],
				Env: ["PATH=/usr/bin"],
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
