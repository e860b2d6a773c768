import fs from "node:fs";
import { Readable } from "node:stream";
import type { Context } from "hono";
import {
	badDigest,
	RegistryError,
	unknownBlob,
	unknownManifest,
} from "./errors.ts";
import { digestPattern, type ImageStore } from "./store.ts";

/** One call on a repository, whose name includes the registry: `ghcr.io/owner/image`. */
export interface Call {
	readonly c: Context;
	readonly store: ImageStore;
	readonly repository: string;
	/** The path as the client sees it, for `Location`. */
	readonly base: string;
	/** Tag, digest or upload id. */
	readonly reference: string;
}

type Handler = (call: Call) => Response | Promise<Response>;

/** `METHOD kind` → handler of the OCI distribution specification. */
export const handlers: Readonly<Record<string, Handler>> = {
	"GET manifests": getManifest,
	"HEAD manifests": getManifest,
	"PUT manifests": putManifest,
	"GET blobs": getBlob,
	"HEAD blobs": getBlob,
	"POST uploads": startUpload,
	"GET uploads": uploadStatus,
	"PATCH uploads": patchUpload,
	"PUT uploads": finishUpload,
	"DELETE uploads": abortUpload,
	"GET tags": listTags,
};

function getManifest({ c, store, repository, reference }: Call): Response {
	const found = known(store, repository);
	const digest = reference.includes(":") ? reference : found.tags[reference];
	const type = digest === undefined ? undefined : found.manifests[digest];
	if (digest === undefined || type === undefined)
		throw unknownManifest(reference);
	return sendFile(c, store, digest, type);
}

async function putManifest(call: Call): Promise<Response> {
	const { c, store, repository, reference, base } = call;
	const bytes = new Uint8Array(await c.req.arrayBuffer());
	const type = c.req.header("content-type") ?? "";
	for (const digest of referenced(bytes)) {
		const target = store.repository(repository);
		if (!target?.blobs[digest] && !target?.manifests[digest])
			throw new RegistryError(
				404,
				"MANIFEST_BLOB_UNKNOWN",
				`blob unknown to registry: ${digest}`,
			);
	}
	const digest = store.putManifest(repository, reference, type, bytes);
	return new Response(null, {
		status: 201,
		headers: {
			location: `${base}/manifests/${digest}`,
			"docker-content-digest": digest,
		},
	});
}

function getBlob({ c, store, repository, reference }: Call): Response {
	if (!known(store, repository).blobs[reference]) throw unknownBlob();
	return sendFile(c, store, reference, "application/octet-stream");
}

/** Starts an upload, or answers at once when the blob can be mounted from elsewhere or comes in the same request. */
async function startUpload(call: Call): Promise<Response> {
	const { c, store, repository } = call;
	const mount = c.req.query("mount");
	if (mount && digestPattern.test(mount) && store.linkBlob(repository, mount))
		return created(call, mount);
	const id = store.begin();
	const digest = c.req.query("digest");
	if (digest === undefined) return accepted(call, id);
	return finishUpload({ ...call, reference: id });
}

function uploadStatus(call: Call): Response {
	return accepted(call, call.reference, 204);
}

async function patchUpload(call: Call): Promise<Response> {
	const { c, store, reference } = call;
	const have = store.received(reference);
	const range = /^(\d+)-/.exec(c.req.header("content-range") ?? "");
	if (range && Number(range[1]) !== have)
		throw new RegistryError(
			416,
			"BLOB_UPLOAD_INVALID",
			`upload has ${have} bytes, the chunk begins at ${range[1]}`,
		);
	await store.append(reference, c.req.raw.body ?? Readable.from([]));
	return accepted(call, reference);
}

async function finishUpload(call: Call): Promise<Response> {
	const { c, store, repository, reference } = call;
	const digest = c.req.query("digest") ?? "";
	if (!digestPattern.test(digest)) throw badDigest();
	await store.append(reference, c.req.raw.body ?? Readable.from([]));
	await store.finish(reference, repository, digest);
	return created(call, digest);
}

function abortUpload({ store, reference }: Call): Response {
	store.abort(reference);
	return new Response(null, { status: 204 });
}

function listTags({ c, store, repository }: Call): Response {
	const { tags } = known(store, repository);
	const name = repository.slice(repository.indexOf("/") + 1);
	return c.json({ name, tags: Object.keys(tags).sort() });
}

function known(store: ImageStore, repository: string) {
	const found = store.repository(repository);
	if (found) return found;
	throw new RegistryError(
		404,
		"NAME_UNKNOWN",
		"repository name not known to registry",
	);
}

/** Digests that a manifest needs to be here. */
function referenced(bytes: Uint8Array): string[] {
	try {
		const manifest = JSON.parse(new TextDecoder().decode(bytes)) as {
			config?: { digest: string };
			layers?: { digest: string }[];
		};
		return [manifest.config, ...(manifest.layers ?? [])].flatMap((d) =>
			d ? [d.digest] : [],
		);
	} catch {
		throw new RegistryError(400, "MANIFEST_INVALID", "manifest invalid");
	}
}

function sendFile(c: Context, store: ImageStore, digest: string, type: string) {
	const file = store.path(digest);
	const headers = {
		"content-type": type,
		"content-length": String(fs.statSync(file).size),
		"docker-content-digest": digest,
		etag: `"${digest}"`,
	};
	if (c.req.method === "HEAD") return new Response(null, { headers });
	const body = Readable.toWeb(fs.createReadStream(file)) as ReadableStream;
	return new Response(body, { headers });
}

function accepted(call: Call, id: string, status = 202): Response {
	const end = Math.max(call.store.received(id) - 1, 0);
	return new Response(null, {
		status,
		headers: {
			location: `${call.base}/blobs/uploads/${id}`,
			"docker-upload-uuid": id,
			range: `0-${end}`,
		},
	});
}

function created(call: Call, digest: string): Response {
	return new Response(null, {
		status: 201,
		headers: {
			location: `${call.base}/blobs/${digest}`,
			"docker-content-digest": digest,
		},
	});
}
