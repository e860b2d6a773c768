import { debianMirror, rootTree } from "../host/artefacts.ts";
import type { Layout } from "../oci.ts";
import { nodeBase, openclawBase } from "./bases.ts";
import { build } from "./builder.ts";
import { type Input, opArchive, podmanArchive } from "./inputs.ts";

/** An image of the agent: which setting names it, in which repository it lies, and what it is. */
export interface LabImage extends Layout {
	readonly setting: "gatewayImage" | "sandboxImage";
	readonly repository: string;
}

/**
 * Builds the agent's images from the Containerfiles of images/, on stand-ins of their bases: minutes at first, then from the cache.
 *
 * @throws ImageBuildError, SetupError
 */
export async function labImages(): Promise<LabImage[]> {
	const tree = await rootTree();
	const [gateway, sandbox] = await Promise.all([
		gatewayImage(tree),
		sandboxImage(tree),
	]);
	return [
		{
			setting: "gatewayImage",
			repository: "ghcr.io/you/moltbot-gateway",
			...gateway,
		},
		{
			setting: "sandboxImage",
			repository: "ghcr.io/you/moltbot-sandbox",
			...sandbox,
		},
	];
}

const inside = ({ name }: Input) => `file:///inputs/${name}`;

async function gatewayImage(tree: string): Promise<Layout> {
	const podman = await podmanArchive();
	return build(tree, {
		name: "gateway",
		base: { argument: "OPENCLAW_IMAGE", image: await openclawBase() },
		args: {
			PODMAN_URL: inside(podman),
			PODMAN_SHA256: podman.sha256,
			NODE_EXTRA_CA_CERTS: "/inputs/certificates.pem",
		},
		inputs: podman.folder,
		inputsKey: podman.sha256,
	});
}

async function sandboxImage(tree: string): Promise<Layout> {
	const op = await opArchive();
	return build(tree, {
		name: "sandbox",
		base: { argument: "NODE_IMAGE", image: await nodeBase() },
		args: {
			OP_URL: inside(op),
			OP_SHA256: op.sha256,
		},
		sources: async () => ({ DEBIAN: await debianMirror() }),
		inputs: op.folder,
		inputsKey: op.sha256,
	});
}
