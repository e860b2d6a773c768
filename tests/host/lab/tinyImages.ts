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
import { nodeBase } from "../../../lab/images/bases.ts";
import type { LabImage } from "../../../lab/images/index.ts";
import { type ImageConfig, type Layout, writeImage } from "../../../lab/oci.ts";
import { cached, cacheFolder, contentKey } from "../../../tools/cache.mjs";
import { debianFile } from "../../../tools/debian.ts";

const run = promisify(execFile);
const recipe = readFileSync(import.meta.filename);
const agent = readFileSync(join(import.meta.dirname, "agent/openclaw.ts"));

const repositories = {
	gateway: "ghcr.io/test/gateway",
	sandbox: "ghcr.io/test/sandbox",
};

/** What stands in for the agent's images, and a later release of the gateway. */
export interface TinyImages {
	/** For `World.open`. */
	readonly images: () => Promise<LabImage[]>;
	/** Reference of the gateway, and of one with another digest, which the registry has too. */
	readonly firstGateway: string;
	readonly nextGateway: string;
}

/** Small images in the place of the agent's, for tests of the host and of the way to it. */
export async function tinyImages(): Promise<TinyImages> {
	const image = async (
		name: keyof typeof repositories,
		layout: Promise<Layout>,
	): Promise<LabImage> => ({
		setting: `${name}Image`,
		repository: repositories[name],
		...(await layout),
	});
	const layers = [await baseLayer(), await agentLayer()];
	const next = await image("gateway", layoutOf(layers, { release: "next" }));
	const first = await image("gateway", layoutOf(layers, { release: "first" }));
	const images = [
		// The setting takes the last of a name.
		next,
		first,
		await image("sandbox", layoutOf(layers.slice(0, 1), {})),
	];
	return {
		images: async () => images,
		firstGateway: `${first.repository}@${first.digest}`,
		nextGateway: `${next.repository}@${next.digest}`,
	};
}

/** Shell and the few programs that the units' probes call. */
async function baseLayer(): Promise<string> {
	const busybox = await debianFile({
		package: "busybox-static",
		suite: "bookworm",
		path: "bin/busybox",
		name: "busybox",
	});
	return layer("base", busybox, (tree) => {
		for (const path of ["usr/bin", "tmp", "etc/pki", "run/podman"])
			mkdirSync(join(tree, path), { recursive: true });
		symlinkSync("usr/bin", join(tree, "bin"));
		copyFileSync(join(busybox, "busybox"), join(tree, "usr/bin/busybox"));
		chmodSync(join(tree, "usr/bin/busybox"), 0o755);
		for (const name of ["sh", "wget", "cat", "id", "ls"])
			symlinkSync("busybox", join(tree, "usr/bin", name));
		script(
			tree,
			"curl",
			'for url; do :; done\nexec wget -q -O /dev/null "$url"',
		);
	});
}

/** Node and the stand-in of OpenClaw. */
async function agentLayer(): Promise<string> {
	const { tar } = await nodeBase();
	return layer("agent", tar + agent, async (tree) => {
		const libraries = ["ld-linux-x86-64", "libc", "libdl", "libgcc_s", "libm"];
		await run("tar", [
			...["--extract", `--file=${tar}`, `--directory=${tree}`, "--wildcards"],
			"./usr/local/bin/node",
			...[...libraries, "libpthread", "libstdc++"].map(
				(name) => `./usr/lib/x86_64-linux-gnu/${name}.so.*`,
			),
		]);
		symlinkSync("usr/lib", join(tree, "lib"));
		symlinkSync("usr/lib/x86_64-linux-gnu", join(tree, "lib64"));
		writeFileSync(join(tree, "openclaw.ts"), agent);
		mkdirSync(join(tree, "usr/bin"));
		script(
			tree,
			"openclaw",
			'exec node --disable-warning=ExperimentalWarning /openclaw.ts "$@"',
		);
	});
}

function script(tree: string, name: string, text: string): void {
	const file = join(tree, "usr/bin", name);
	writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

/** A tar of what `fill` puts into a folder, from the cache where it is made of the same. */
async function layer(
	name: string,
	inputs: string,
	fill: (tree: string) => void | Promise<void>,
): Promise<string> {
	const key = contentKey(recipe, inputs);
	const folder = await cached(
		join(cacheFolder(), "lab", `tiny-${name}-${key}`),
		async (temporary) => {
			const tree = join(temporary, "tree");
			mkdirSync(tree);
			await fill(tree);
			await run("tar", [
				...["--create", `--file=${join(temporary, "layer.tar")}`],
				...[`--directory=${tree}`, "--sort=name", "--mtime=@0"],
				...["--owner=0", "--group=0", "--numeric-owner", "."],
			]);
			rmSync(tree, { recursive: true });
		},
	);
	return join(folder, "layer.tar");
}

async function layoutOf(
	layers: readonly string[],
	labels: NonNullable<ImageConfig["Labels"]>,
): Promise<Layout> {
	const key = contentKey(recipe, ...layers, JSON.stringify(labels));
	const folder = await cached(
		join(cacheFolder(), "lab", `tiny-image-${key}`),
		async (temporary) => {
			const { digest } = await writeImage(join(temporary, "layout"), layers, {
				Entrypoint: ["/usr/bin/openclaw"],
				Env: ["PATH=/usr/local/bin:/usr/bin"],
				Labels: labels,
			});
			writeFileSync(join(temporary, "digest"), digest);
		},
	);
	return {
		folder: join(folder, "layout"),
		digest: readFileSync(join(folder, "digest"), "utf8"),
	};
}
