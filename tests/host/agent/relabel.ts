import { createHash } from "node:crypto";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "../../../lab/oci.ts";

interface Described {
	digest: string;
	size: number;
}

/** The same image with one label more: other digest, same layers. As a new release it costs no pull. */
export function relabel(image: Layout, folder: string, label: string): Layout {
	cpSync(image.folder, folder, { recursive: true });
	const file = (digest: string) =>
		join(folder, "blobs", digest.replace(":", "/"));
	const read = (digest: string) =>
		JSON.parse(readFileSync(file(digest), "utf8"));
	const store = (value: unknown): Described => {
		const bytes = Buffer.from(JSON.stringify(value));
		const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
		writeFileSync(file(digest), bytes);
		return { digest, size: bytes.length };
	};
	const manifest = read(image.digest);
	const config = read(manifest.config.digest);
	config.config.Labels = { ...config.config.Labels, test: label };
	Object.assign(manifest.config, store(config));
	const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
	Object.assign(index.manifests[0], store(manifest));
	writeFileSync(join(folder, "index.json"), JSON.stringify(index));
	return { folder, digest: index.manifests[0].digest };
}
