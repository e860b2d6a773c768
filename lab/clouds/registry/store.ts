import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { Store, World } from "../cloud.ts";
import { badDigest, unknownUpload } from "./errors.ts";

const Repository = z.object({
	/** Tag → digest. */
	tags: z.record(z.string(), z.string()),
	/** Digest → media type. */
	manifests: z.record(z.string(), z.string()),
	/** Digests of layers and configurations. */
	blobs: z.record(z.string(), z.literal(true)),
});
const State = z.object({ repositories: z.record(z.string(), Repository) });
type Repository = z.output<typeof Repository>;

/** A digest that this store can hold. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** Images of all upstream registries: names in a small index, bytes once each under their digest. */
export class ImageStore {
	readonly #dir: string;
	readonly #world: World;
	readonly #state: Store<z.output<typeof State>>;

	constructor(world: World) {
		this.#world = world;
		this.#dir = path.join(world.stateDir, "registry");
		this.#state = world.store("registry", State, { repositories: {} });
		fs.mkdirSync(path.join(this.#dir, "blobs"), { recursive: true });
		fs.mkdirSync(path.join(this.#dir, "uploads"), { recursive: true });
	}

	get repositories(): Readonly<Record<string, Repository>> {
		return this.#state.data.repositories;
	}

	repository(name: string): Repository | undefined {
		return this.#state.data.repositories[name];
	}

	/** Path of the bytes with that digest. */
	path(digest: string): string {
		return path.join(this.#dir, "blobs", digest.replace("sha256:", ""));
	}

	/** Begins an upload; its id is all that is needed to go on. */
	begin(): string {
		const id = this.#world.random(16);
		fs.writeFileSync(this.#upload(id), "");
		return id;
	}

	/** Bytes that an upload has so far. */
	received(id: string): number {
		return fs.statSync(this.#known(id)).size;
	}

	/** Appends to an upload. */
	async append(id: string, source: AsyncIterable<Uint8Array>): Promise<void> {
		const file = this.#known(id);
		await pipeline(
			source,
			fs.createWriteStream(file, { flags: "a", flush: true }),
		);
	}

	abort(id: string): void {
		fs.rmSync(this.#known(id));
	}

	/** Ends an upload: its content must have that digest. */
	async finish(id: string, repository: string, digest: string): Promise<void> {
		const file = this.#known(id);
		const hash = createHash("sha256");
		await pipeline(fs.createReadStream(file), hash);
		if (`sha256:${hash.digest("hex")}` !== digest) {
			fs.rmSync(file);
			throw badDigest();
		}
		fs.renameSync(file, this.path(digest));
		this.linkBlob(repository, digest);
	}

	/** Makes a blob that is here already part of a repository; false where it is not here. */
	linkBlob(repository: string, digest: string): boolean {
		if (!fs.existsSync(this.path(digest))) return false;
		this.#repository(repository).blobs[digest] = true;
		this.#state.save();
		return true;
	}

	/** Stores a manifest under its digest and, unless it was pushed by digest, under a tag. */
	putManifest(
		repository: string,
		reference: string,
		mediaType: string,
		bytes: Uint8Array,
	): string {
		const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
		if (reference.includes(":") && reference !== digest) throw badDigest();
		fs.writeFileSync(this.path(digest), bytes, { flush: true });
		const target = this.#repository(repository);
		target.manifests[digest] = mediaType;
		if (reference !== digest) target.tags[reference] = digest;
		this.#state.save();
		return digest;
	}

	/** Takes over every image of an OCI layout folder; its single image (or each `ref.name`) gets the tag. */
	importLayout(folder: string, repository: string, tag: string): string {
		const index = Index.parse(readJson(path.join(folder, "index.json")));
		const [first] = index.manifests;
		if (!first || index.manifests.length > 1)
			throw new Error(
				`${folder}: index.json must name exactly one image or image index, it names ${index.manifests.length}.`,
			);
		this.#importTree(folder, repository, first.digest, first.mediaType);
		this.#repository(repository).tags[tag] = first.digest;
		this.#state.save();
		return first.digest;
	}

	#importTree(
		folder: string,
		repository: string,
		digest: string,
		mediaType: string,
	): void {
		const source = (wanted: string) =>
			path.join(folder, "blobs", ...wanted.split(":"));
		const content = Manifest.parse(readJson(source(digest)));
		const target = this.#repository(repository);
		for (const child of content.manifests ?? [])
			this.#importTree(folder, repository, child.digest, child.mediaType);
		for (const blob of [content.config, ...(content.layers ?? [])])
			if (blob) {
				// A name of content: what is there is right.
				if (!fs.existsSync(this.path(blob.digest)))
					this.#take(source(blob.digest), this.path(blob.digest));
				target.blobs[blob.digest] = true;
			}
		fs.copyFileSync(source(digest), this.path(digest));
		target.manifests[digest] = mediaType;
	}

	/** A copy that was cut off must not look like a whole one. */
	#take(source: string, target: string): void {
		fs.copyFileSync(source, `${target}.new`);
		fs.renameSync(`${target}.new`, target);
	}

	#repository(name: string): Repository {
		const { repositories } = this.#state.data;
		repositories[name] ??= { tags: {}, manifests: {}, blobs: {} };
		return repositories[name];
	}

	#upload(id: string): string {
		return path.join(this.#dir, "uploads", id);
	}

	#known(id: string): string {
		const file = this.#upload(id);
		if (!/^[0-9a-f]{32}$/.test(id) || !fs.existsSync(file))
			throw unknownUpload();
		return file;
	}
}

const Descriptor = z.object({
	digest: z.string().regex(digestPattern),
	mediaType: z.string(),
});
const Index = z.object({ manifests: z.array(Descriptor) });
const Manifest = z.object({
	manifests: z.array(Descriptor).optional(),
	config: Descriptor.optional(),
	layers: z.array(Descriptor).optional(),
});

const readJson = (file: string): unknown =>
	JSON.parse(fs.readFileSync(file, "utf8"));
