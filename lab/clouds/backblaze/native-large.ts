import { createHash } from "node:crypto";
import { z } from "zod";
import { badRequest } from "./errors.ts";
import { type FileVersion, type Part, Retention } from "./model.ts";
import type { Call } from "./native.ts";
import { fileView, partView } from "./views.ts";

const minimumPart = 5_000_000;

/** `b2_start_large_file`. */
export function start(call: Call) {
	const input = call.read(
		z.object({
			bucketId: z.string(),
			fileName: z.string().min(1).max(1024),
			contentType: z.string(),
			fileInfo: z.record(z.string(), z.string()).nullish(),
			fileRetention: Retention.nullish(),
			legalHold: z.enum(["on", "off"]).nullish(),
		}),
	);
	const bucket = call.bucket(input.bucketId, "writeFiles", input.fileName);
	if (input.fileRetention) call.need("writeFileRetentions");
	const file = call.storage.addVersion(bucket, "start", {
		name: input.fileName,
		type:
			input.contentType === "b2/x-auto"
				? "application/octet-stream"
				: input.contentType,
		info: input.fileInfo ?? {},
		retention: input.fileRetention ?? undefined,
		hold: input.legalHold === "on",
	});
	return fileView(file, bucket, call.key);
}

/** `b2_get_upload_part_url`. */
export function partUrl(call: Call) {
	const { fileId } = call.read(z.object({ fileId: z.string() }));
	const { file } = unfinished(call, fileId);
	return {
		fileId,
		authorizationToken: call.token("part", 86_400, {
			bucket: file.bucket,
			file: fileId,
		}),
		uploadUrl: `${call.addresses.api}/b2api/v${call.version}/b2_upload_part/${fileId}/c004_v0402000_t0000`,
	};
}

/** `b2_finish_large_file`: the SHA-1 of every part, in order. */
export function finish(call: Call) {
	const input = call.read(
		z.object({
			fileId: z.string(),
			partSha1Array: z.array(z.string()).min(1).max(10_000),
		}),
	);
	const { file, bucket } = unfinished(call, input.fileId);
	const parts = call.storage.parts(file.id);
	if (parts.length !== input.partSha1Array.length)
		throw badRequest(
			`large file has ${parts.length} parts, but partSha1Array has ${input.partSha1Array.length}`,
		);
	for (const [index, part] of parts.entries()) {
		if (part.number !== index + 1)
			throw badRequest(`part number ${index + 1} has not been uploaded`);
		if (part.sha1 !== input.partSha1Array[index])
			throw badRequest(`checksum of part ${part.number} does not match`);
		if (part.size < minimumPart && index < parts.length - 1)
			throw badRequest(
				`part ${part.number} is smaller than ${minimumPart} bytes`,
			);
	}
	return fileView(
		call.storage.finish(file, parts, multipartTag(parts)),
		bucket,
		call.key,
	);
}

/** `b2_cancel_large_file`: needs the right to write, as B2 documents it. */
export function cancel(call: Call) {
	const { fileId } = call.read(z.object({ fileId: z.string() }));
	const { file, bucket } = unfinished(call, fileId);
	call.storage.deleteVersion(file);
	return {
		accountId: bucket.account,
		bucketId: bucket.id,
		fileId,
		fileName: file.name,
	};
}

/** `b2_list_parts`. */
export function listParts(call: Call) {
	const input = call.read(
		z.object({
			fileId: z.string(),
			startPartNumber: z.int().min(1).nullish(),
			maxPartCount: z.int().min(1).max(10_000).default(1000),
		}),
	);
	unfinished(call, input.fileId);
	const parts = call.storage
		.parts(input.fileId)
		.filter((part) => part.number >= (input.startPartNumber ?? 1));
	return {
		parts: parts
			.slice(0, input.maxPartCount)
			.map((part) => partView(input.fileId, part)),
		nextPartNumber: parts[input.maxPartCount]?.number ?? null,
	};
}

/** `b2_list_unfinished_large_files`. */
export function listUnfinished(call: Call) {
	const input = call.read(
		z.object({
			bucketId: z.string(),
			namePrefix: z.string().nullish(),
			startFileId: z.string().nullish(),
			maxFileCount: z.int().min(1).max(100).default(100),
		}),
	);
	const bucket = call.bucket(
		input.bucketId,
		"listFiles",
		input.namePrefix ?? "",
	);
	const files = [
		...call.storage.versions(bucket.id, input.namePrefix ?? ""),
	].filter((file) => file.action === "start");
	const from = Math.max(
		files.findIndex((file) => file.id === input.startFileId),
		0,
	);
	const page = files.slice(from, from + input.maxFileCount);
	return {
		files: page.map((file) => fileView(file, bucket, call.key)),
		nextFileId: files[from + input.maxFileCount]?.id ?? null,
	};
}

/** What S3 calls the ETag of an object made of parts. */
export function multipartTag(parts: readonly Part[]): string {
	const md5 = createHash("md5");
	for (const part of parts) md5.update(Buffer.from(part.md5, "hex"));
	return `${md5.digest("hex")}-${parts.length}`;
}

function unfinished(call: Call, id: string) {
	const found = call.file(id, "writeFiles");
	if (!isUnfinished(found.file))
		throw badRequest(`No active upload for: ${id}`);
	return found;
}

const isUnfinished = (file: FileVersion) => file.action === "start";
