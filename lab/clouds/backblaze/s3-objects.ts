import { z } from "zod";
import { allows } from "./access.ts";
import { notEntitled, S3Error } from "./errors.ts";
import { marker } from "./lifecycle.ts";
import type { Bucket, FileVersion, Retention } from "./model.ts";
import { parseRange } from "./ranges.ts";
import type { S3Call } from "./s3.ts";
import { decode } from "./sigv4.ts";
import type { Upload } from "./storage.ts";
import { content } from "./transfer.ts";
import { readXml, xml } from "./xml.ts";

/** GetObject and HeadObject. */
export function get(call: S3Call): Response {
	const bucket = call.bucket("readFiles", call.object);
	const file = versionOf(call, bucket);
	const headers = new Headers({
		"accept-ranges": "bytes",
		"content-type": file.type,
		etag: `"${file.etag}"`,
		"last-modified": new Date(file.uploaded).toUTCString(),
		"x-amz-version-id": file.id,
	});
	for (const [name, value] of Object.entries(file.info))
		headers.set(`x-amz-meta-${name}`, value);
	const { mode, retainUntilTimestamp } = file.retention;
	if (mode !== null && allows(call.signed.key, "readFileRetentions", {})) {
		headers.set("x-amz-object-lock-mode", mode.toUpperCase());
		headers.set(
			"x-amz-object-lock-retain-until-date",
			new Date(retainUntilTimestamp ?? 0).toISOString(),
		);
	}
	const range = parseRange(call.header("range"), file.size);
	if (range === "unsatisfiable")
		throw new S3Error(
			416,
			"InvalidRange",
			"The requested range is not satisfiable",
		);
	return content(call.context, call.storage, file, range, headers);
}

/** PutObject and CopyObject. */
export async function put(call: S3Call): Promise<Response> {
	const bucket = call.bucket("writeFiles", call.object);
	const source = call.header("x-amz-copy-source");
	if (source !== undefined) return copy(call, bucket, source);
	if (call.header("if-none-match") ?? call.header("if-match"))
		throw new S3Error(
			501,
			"NotImplemented",
			"A header you provided implies functionality that is not implemented",
		);
	const upload = uploadOf(call, bucket);
	const staged = await call.storage.blobs.stage(call.body);
	const claimed = call.header("content-md5");
	if (
		claimed &&
		claimed !== Buffer.from(staged.md5, "hex").toString("base64")
	) {
		call.storage.blobs.discard(staged);
		throw new S3Error(
			400,
			"BadDigest",
			"The Content-MD5 you specified did not match what we received.",
		);
	}
	const file = call.storage.addVersion(bucket, "upload", upload, staged);
	return new Response(null, {
		headers: { etag: `"${file.etag}"`, "x-amz-version-id": file.id },
	});
}

/** DeleteObject: by name it hides (needs `writeFiles`), by version it deletes (needs `deleteFiles`). */
export function remove(call: S3Call): Response {
	const { key, version } = removeOne(
		call,
		call.object,
		call.query.get("versionId"),
	);
	return new Response(null, {
		status: 204,
		headers: {
			...(version === undefined ? {} : { "x-amz-version-id": version }),
			...(key === "marker" ? { "x-amz-delete-marker": "true" } : {}),
		},
	});
}

/** DeleteObjects: each on its own, with its own error. */
export async function removeMany(call: S3Call): Promise<Response> {
	const { Delete } = await readXml(
		call.body,
		z.object({
			Delete: z.object({
				Object: z
					.array(
						z.object({ Key: z.string(), VersionId: z.string().optional() }),
					)
					.max(1000),
				Quiet: z.string().optional(),
			}),
		}),
	);
	call.bucket(
		Delete.Object.some((o) => o.VersionId) ? "deleteFiles" : "writeFiles",
	);
	const deleted: object[] = [];
	const failed: object[] = [];
	for (const { Key, VersionId } of Delete.Object)
		try {
			const { key, version } = removeOne(call, Key, VersionId);
			deleted.push(
				key === "marker"
					? { Key, DeleteMarker: true, DeleteMarkerVersionId: version }
					: { Key, VersionId: version },
			);
		} catch (error) {
			if (!(error instanceof S3Error)) throw error;
			failed.push({ Key, VersionId, Code: error.code, Message: error.message });
		}
	return xml("DeleteResult", {
		...(Delete.Quiet === "true" ? {} : { Deleted: deleted }),
		Error: failed,
	});
}

function removeOne(call: S3Call, name: string, version: string | undefined) {
	const { storage } = call;
	if (version === undefined) {
		const bucket = call.bucket("writeFiles", name);
		const newest = storage.newest(bucket.id, name);
		// Deleting what is not there is no error, and leaves nothing behind.
		if (newest?.action !== "upload") return { key: "none", version: undefined };
		return {
			key: "marker",
			version: storage.addVersion(bucket, "hide", marker(name)).id,
		};
	}
	const bucket = call.bucket("deleteFiles", name);
	const file = storage.file(version);
	if (!file || file.bucket !== bucket.id || file.name !== name)
		throw new S3Error(400, "InvalidArgument", "Invalid version id specified");
	const bypass =
		call.header("x-amz-bypass-governance-retention")?.toLowerCase() === "true";
	if (bypass) call.need("bypassGovernance");
	if (storage.isLocked(file, bypass))
		throw new S3Error(403, "AccessDenied", "Object is locked");
	storage.deleteVersion(file);
	return { key: "version", version };
}

async function copy(call: S3Call, bucket: Bucket, source: string) {
	const { storage, signed } = call;
	const [place = "", version] = source.replace(/^\//, "").split("?versionId=");
	const [from = "", ...rest] = decode(place).split("/");
	const name = rest.join("/");
	const origin = storage.bucketNamed(from);
	if (
		origin?.account !== signed.key.account ||
		!allows(signed.key, "readFiles", { bucket: origin.id, name })
	)
		throw notEntitled();
	const file = version
		? storage.file(version)
		: storage.newest(origin.id, name);
	if (file?.action !== "upload" || file.bucket !== origin.id) throw noSuchKey();
	const isReplaced = call.header("x-amz-metadata-directive") === "REPLACE";
	const upload = uploadOf(call, bucket);
	const staged = await storage.blobs.stage(
		storage.blobs.read(storage.parts(file.id), 0, file.size - 1),
	);
	const copied = storage.addVersion(
		bucket,
		"upload",
		isReplaced ? upload : { ...upload, type: file.type, info: file.info },
		staged,
	);
	return xml(
		"CopyObjectResult",
		{
			LastModified: new Date(copied.uploaded).toISOString(),
			ETag: `"${copied.etag}"`,
		},
		200,
		{ "x-amz-version-id": copied.id },
	);
}

/** What the headers of an upload say. */
export function uploadOf(call: S3Call, bucket: Bucket): Upload {
	const info = [...call.context.req.raw.headers]
		.filter(([name]) => name.startsWith("x-amz-meta-"))
		.map(([name, value]) => [name.slice("x-amz-meta-".length), value]);
	const retention = retentionOf(call);
	const hold = call.header("x-amz-object-lock-legal-hold") === "ON";
	if (retention) call.need("writeFileRetentions");
	if (hold) call.need("writeFileLegalHolds");
	if ((retention || hold) && !bucket.locked)
		throw new S3Error(
			400,
			"InvalidRequest",
			"Bucket is missing Object Lock Configuration",
		);
	return {
		name: call.object,
		type: call.header("content-type") ?? "application/octet-stream",
		info: Object.fromEntries(info),
		retention,
		hold,
	};
}

function retentionOf(call: S3Call): Retention | undefined {
	const mode = call.header("x-amz-object-lock-mode")?.toLowerCase();
	const until = Date.parse(
		call.header("x-amz-object-lock-retain-until-date") ?? "",
	);
	if (mode === undefined) return undefined;
	if ((mode !== "governance" && mode !== "compliance") || Number.isNaN(until))
		throw new S3Error(400, "InvalidArgument", "Unknown wormMode directive.");
	return { mode, retainUntilTimestamp: until };
}

function versionOf(call: S3Call, bucket: Bucket): FileVersion {
	const version = call.query.get("versionId");
	const file =
		version === undefined
			? call.storage.newest(bucket.id, call.object)
			: call.storage.file(version);
	const isThis = file?.bucket === bucket.id && file.name === call.object;
	if (!isThis || file.action !== "upload") throw noSuchKey();
	return file;
}

const noSuchKey = () => new S3Error(404, "NoSuchKey", "Key not found");
