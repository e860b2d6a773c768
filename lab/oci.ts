import { createHash, type KeyObject, sign } from "node:crypto";
import {
	copyFileSync,
	createReadStream,
	mkdirSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const mediaType = (name: string) => `application/vnd.oci.image.${name}`;

interface Descriptor {
	readonly mediaType: string;
	readonly digest: string;
	readonly size: number;
	readonly annotations?: Readonly<Record<string, string>>;
}

/** An image as a folder in the OCI image layout, with exactly one image in it. */
export interface Layout {
	readonly folder: string;
	/** Digest of its manifest. */
	readonly digest: string;
}

/** What a container of an image runs, and what the image says of itself. */
export interface ImageConfig {
	readonly Entrypoint?: readonly string[];
	readonly Cmd?: readonly string[];
	readonly Env?: readonly string[];
	readonly Labels?: Readonly<Record<string, string>>;
}

/** Makes an image of these uncompressed tar files. Same input, same digest. */
export async function writeImage(
	folder: string,
	layers: readonly string[],
	config: ImageConfig,
): Promise<Layout> {
	const stored: Descriptor[] = [];
	for (const layer of layers) stored.push(await storeLayer(folder, layer));
	const configuration = storeBlob(folder, mediaType("config.v1+json"), {
		architecture: "amd64",
		os: "linux",
		config,
		rootfs: { type: "layers", diff_ids: stored.map(({ digest }) => digest) },
	});
	return finish(folder, configuration, stored);
}

/**
 * Makes the signature of an image, as cosign lays it beside the image: an image of its own, to be pushed under the tag
 * `sha256-<digest>.sig`.
 *
 * @param repository of the signed image, with its registry
 */
export function writeSignature(
	folder: string,
	repository: string,
	digest: string,
	key: KeyObject,
): Layout {
	const payload = Buffer.from(
		JSON.stringify({
			critical: {
				identity: { "docker-reference": repository },
				image: { "docker-manifest-digest": digest },
				type: "cosign container image signature",
			},
			optional: null,
		}),
	);
	const layer = {
		...storeBytes(
			folder,
			"application/vnd.dev.cosign.simplesigning.v1+json",
			payload,
		),
		annotations: {
			"dev.cosignproject.cosign/signature": sign(
				"sha256",
				payload,
				key,
			).toString("base64"),
		},
	};
	const configuration = storeBlob(folder, mediaType("config.v1+json"), {
		architecture: "",
		os: "",
		config: {},
		rootfs: { type: "layers", diff_ids: [layer.digest] },
	});
	return finish(folder, configuration, [layer]);
}

function finish(
	folder: string,
	config: Descriptor,
	layers: readonly Descriptor[],
): Layout {
	const manifest = storeBlob(folder, mediaType("manifest.v1+json"), {
		schemaVersion: 2,
		mediaType: mediaType("manifest.v1+json"),
		config,
		layers,
	});
	const index = { schemaVersion: 2, manifests: [manifest] };
	writeFileSync(join(folder, "index.json"), JSON.stringify(index));
	const version = JSON.stringify({ imageLayoutVersion: "1.0.0" });
	writeFileSync(join(folder, "oci-layout"), version);
	return { folder, digest: manifest.digest };
}

async function storeLayer(folder: string, file: string): Promise<Descriptor> {
	const hash = createHash("sha256");
	await pipeline(createReadStream(file), hash);
	const digest = hash.digest("hex");
	copyFileSync(file, join(blobs(folder), digest));
	return {
		mediaType: mediaType("layer.v1.tar"),
		digest: `sha256:${digest}`,
		size: statSync(file).size,
	};
}

function storeBlob(folder: string, type: string, value: unknown): Descriptor {
	return storeBytes(folder, type, Buffer.from(JSON.stringify(value)));
}

function storeBytes(folder: string, type: string, bytes: Buffer): Descriptor {
	const digest = createHash("sha256").update(bytes).digest("hex");
	writeFileSync(join(blobs(folder), digest), bytes);
	return { mediaType: type, digest: `sha256:${digest}`, size: bytes.length };
}

function blobs(folder: string): string {
	const path = join(folder, "blobs", "sha256");
	mkdirSync(path, { recursive: true });
	return path;
}
