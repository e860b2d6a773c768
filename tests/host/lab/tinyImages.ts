import { execFile } from "node:child_process";
import {
	cpSync,
	mkdirSync,
	readFileSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { nodeBase } from "../../../lab/images/bases.ts";
import type { LabImage } from "../../../lab/images/index.ts";
import type { ImageConfig, Layout } from "../../../lab/oci.ts";
import { repository } from "../../../lab/place.ts";
import { layeredImage, treeLayer } from "../../../lab/treeImage.ts";
import { busyboxBase, program } from "../busyboxBase.ts";

const run = promisify(execFile);
const recipe = readFileSync(import.meta.filename);
/** The stand-in of OpenClaw. */
const agent = ["openclaw.ts", "protocol.ts"].map((name) => ({
	name,
	text: readFileSync(join(import.meta.dirname, "agent", name)),
}));
/** What it needs beside Node. */
const library = join(repository, "node_modules/ws");

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
	const base = await busyboxBase();
	const baseLayer = await treeLayer("busybox", base.ingredients, base.fill);
	const layers = [baseLayer, await agentLayer()];
	const next = await image("gateway", layoutOf(layers, { release: "next" }));
	const first = await image("gateway", layoutOf(layers, { release: "first" }));
	const images = [
		// The setting takes the last of a name.
		next,
		first,
		await image("sandbox", layoutOf([baseLayer], {})),
	];
	return {
		images: async () => images,
		firstGateway: `${first.repository}@${first.digest}`,
		nextGateway: `${next.repository}@${next.digest}`,
	};
}

/** Node and the stand-in of OpenClaw. */
async function agentLayer(): Promise<string> {
	const { tar } = await nodeBase();
	const ingredients = [
		...[recipe, tar, readFileSync(join(library, "package.json"))],
		...agent.map(({ text }) => text),
	];
	return treeLayer("agent", ingredients, async (tree) => {
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
		for (const { name, text } of agent) writeFileSync(join(tree, name), text);
		cpSync(library, join(tree, "node_modules/ws"), { recursive: true });
		mkdirSync(join(tree, "usr/bin"));
		program(
			tree,
			"openclaw",
			'exec node --disable-warning=ExperimentalWarning /openclaw.ts "$@"',
		);
	});
}

function layoutOf(
	layers: readonly string[],
	labels: NonNullable<ImageConfig["Labels"]>,
): Promise<Layout> {
	return layeredImage("tiny", layers, {
		Entrypoint: ["/usr/bin/openclaw"],
		Env: ["PATH=/usr/local/bin:/usr/bin"],
		Labels: labels,
	});
}
