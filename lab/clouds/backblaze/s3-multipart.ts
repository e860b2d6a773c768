import { z } from "zod";
import { S3Error } from "./errors.ts";
import type { Bucket, FileVersion } from "./model.ts";
import { multipartTag } from "./native-large.ts";
import type { S3Call } from "./s3.ts";
import { uploadOf } from "./s3-objects.ts";
import { readXml, xml } from "./xml.ts";

const minimumPart = 5_000_000;

/** CreateMultipartUpload: a large file of the native API. */
export function start(call: S3Call): Response {
	const bucket = call.bucket("writeFiles", call.object);
	const file = call.storage.addVersion(bucket, "start", uploadOf(call, bucket));
	return xml("InitiateMultipartUploadResult", {
		Bucket: bucket.name,
		Key: call.object,
		UploadId: file.id,
	});
}

/** UploadPart. */
export async function putPart(call: S3Call): Promise<Response> {
	const { file } = unfinished(call);
	const number = Number(call.query.get("partNumber"));
	if (!Number.isInteger(number) || number < 1 || number > 10_000)
		throw new S3Error(
			400,
			"InvalidArgument",
			"Part number must be an integer between 1 and 10000, inclusive",
		);
	const staged = await call.storage.blobs.stage(call.body);
	const part = call.storage.addPart(file.id, number, staged);
	return new Response(null, { headers: { etag: `"${part.md5}"` } });
}

/** CompleteMultipartUpload. */
export async function complete(call: S3Call): Promise<Response> {
	const { file, bucket } = unfinished(call);
	const body = await readXml(
		call.body,
		z.object({
			CompleteMultipartUpload: z.object({
				Part: z.array(
					z.object({ PartNumber: z.coerce.number(), ETag: z.string() }),
				),
			}),
		}),
	);
	const have = new Map(call.storage.parts(file.id).map((p) => [p.number, p]));
	let previous = 0;
	const parts = body.CompleteMultipartUpload.Part.map(
		({ PartNumber, ETag }) => {
			const part = have.get(PartNumber);
			if (!part || part.md5 !== ETag.replaceAll(/"|&quot;/g, ""))
				throw new S3Error(
					400,
					"InvalidPart",
					`Part ${PartNumber} was not uploaded, or its ETag does not match.`,
				);
			if (PartNumber <= previous)
				throw new S3Error(
					400,
					"InvalidPartOrder",
					"The list of parts was not in ascending order.",
				);
			previous = PartNumber;
			return part;
		},
	);
	if (parts.slice(0, -1).some((part) => part.size < minimumPart))
		throw new S3Error(
			400,
			"EntityTooSmall",
			"Your proposed upload is smaller than the minimum allowed size",
		);
	const done = call.storage.finish(file, parts, multipartTag(parts));
	return xml(
		"CompleteMultipartUploadResult",
		{ Bucket: bucket.name, Key: done.name, ETag: `"${done.etag}"` },
		200,
		{ "x-amz-version-id": done.id },
	);
}

export function abort(call: S3Call): Response {
	call.storage.deleteVersion(unfinished(call).file);
	return new Response(null, { status: 204 });
}

export function listParts(call: S3Call): Response {
	const { file, bucket } = unfinished(call);
	return xml("ListPartsResult", {
		Bucket: bucket.name,
		Key: file.name,
		UploadId: file.id,
		IsTruncated: false,
		Part: call.storage.parts(file.id).map((part) => ({
			PartNumber: part.number,
			LastModified: new Date(part.uploaded).toISOString(),
			ETag: `"${part.md5}"`,
			Size: part.size,
		})),
	});
}

/** ListMultipartUploads. */
export function listUploads(call: S3Call): Response {
	const prefix = call.query.get("prefix") ?? "";
	const bucket = call.bucket("listFiles", prefix);
	return xml("ListMultipartUploadsResult", {
		Bucket: bucket.name,
		IsTruncated: false,
		Upload: [...call.storage.versions(bucket.id, prefix)]
			.filter((file) => file.action === "start")
			.map((file) => ({
				Key: file.name,
				UploadId: file.id,
				Initiated: new Date(file.uploaded).toISOString(),
			})),
	});
}

function unfinished(call: S3Call): { file: FileVersion; bucket: Bucket } {
	const bucket = call.bucket("writeFiles", call.object);
	const file = call.storage.file(call.query.get("uploadId") ?? "");
	const isThis = file?.bucket === bucket.id && file.name === call.object;
	if (!isThis || file.action !== "start")
		throw new S3Error(404, "NoSuchUpload", "Upload not found");
	return { file, bucket };
}
