import { z } from "zod";
import { B2Error, badRequest } from "./errors.ts";
import { marker } from "./lifecycle.ts";
import { type FileVersion, Retention } from "./model.ts";
import type { Call } from "./native.ts";
import { fileView } from "./views.ts";

const day = 86_400;

/** `b2_get_upload_url`. */
export function uploadUrl(call: Call) {
	const { bucketId } = call.read(z.object({ bucketId: z.string() }));
	call.bucket(bucketId, "writeFiles");
	return {
		bucketId,
		authorizationToken: call.token("upload", day, { bucket: bucketId }),
		uploadUrl: `${call.addresses.api}/b2api/v${call.version}/b2_upload_file/${bucketId}/c004_v0402000_t0000`,
	};
}

const Listing = z.object({
	bucketId: z.string(),
	startFileName: z.string().nullish(),
	startFileId: z.string().nullish(),
	maxFileCount: z.int().min(1).max(10_000).nullish(),
	prefix: z.string().nullish(),
	delimiter: z.string().nullish(),
});

/** `b2_list_file_names`: the newest version of each name that is not hidden. */
export function listNames(call: Call) {
	const { files, next } = listing(call, (versions) => {
		const newest = versions.find((file) => file.action !== "start");
		return newest?.action === "upload" ? [newest] : [];
	});
	return { files, nextFileName: next?.name ?? null };
}

/** `b2_list_file_versions`: all versions, newest first within a name. */
export function listVersions(call: Call) {
	const { files, next } = listing(call, (versions) => versions);
	return {
		files,
		nextFileName: next?.name ?? null,
		nextFileId: next?.id ?? null,
	};
}

/** `b2_get_file_info`. */
export function info(call: Call) {
	const { fileId } = call.read(z.object({ fileId: z.string() }));
	const { file, bucket } = call.file(fileId, "readFiles");
	return fileView(file, bucket, call.key);
}

/** `b2_hide_file`: needs no right to delete. */
export function hide(call: Call) {
	const input = call.read(
		z.object({ bucketId: z.string(), fileName: z.string().min(1) }),
	);
	const bucket = call.bucket(input.bucketId, "writeFiles", input.fileName);
	const newest = call.storage.newest(bucket.id, input.fileName);
	if (!newest)
		throw new B2Error(
			400,
			"no_such_file",
			`File not present: ${input.fileName}`,
		);
	if (newest.action === "hide")
		throw new B2Error(
			400,
			"already_hidden",
			`File already hidden: ${input.fileName}`,
		);
	const file = call.storage.addVersion(bucket, "hide", marker(input.fileName));
	return fileView(file, bucket, call.key);
}

/** `b2_copy_file`: a whole file, within the account; made by the service, nothing travels. */
export async function copy(call: Call) {
	const input = call.read(
		z.object({
			sourceFileId: z.string(),
			fileName: z.string().min(1),
			destinationBucketId: z.string().nullish(),
		}),
	);
	const { file: source } = call.file(input.sourceFileId, "readFiles");
	const bucket = call.bucket(
		input.destinationBucketId ?? source.bucket,
		"writeFiles",
		input.fileName,
	);
	if (source.action !== "upload")
		throw badRequest(`Not a file that can be copied: ${input.sourceFileId}`);
	const { blobs } = call.storage;
	const parts = call.storage.parts(source.id);
	const { type, info } = source;
	const file = call.storage.addVersion(
		bucket,
		"upload",
		{ name: input.fileName, type, info },
		await blobs.stage(blobs.read(parts, 0, source.size - 1)),
	);
	return fileView(file, bucket, call.key);
}

/** `b2_delete_file_version`. */
export function remove(call: Call) {
	const input = call.read(
		z.object({
			fileId: z.string(),
			fileName: z.string(),
			bypassGovernance: z.boolean().nullish(),
		}),
	);
	const file = call.storage.file(input.fileId);
	call.need("deleteFiles", { bucket: file?.bucket, name: input.fileName });
	if (!file || file.name !== input.fileName)
		throw new B2Error(
			400,
			"file_not_present",
			`File not present: ${input.fileName} ${input.fileId}`,
		);
	call.bucket(file.bucket, "deleteFiles", file.name);
	if (input.bypassGovernance) call.need("bypassGovernance");
	if (call.storage.isLocked(file, input.bypassGovernance ?? false))
		throw new B2Error(401, "access_denied", "File is locked");
	call.storage.deleteVersion(file);
	return { fileId: file.id, fileName: file.name };
}

/** `b2_update_file_retention`: longer always, shorter only for governance with the bypass, compliance never. */
export function updateRetention(call: Call) {
	const input = call.read(
		z.object({
			fileId: z.string(),
			fileName: z.string(),
			fileRetention: Retention,
			bypassGovernance: z.boolean().nullish(),
		}),
	);
	const { file, bucket } = call.file(input.fileId, "writeFileRetentions");
	if (!bucket.locked)
		throw badRequest("File Lock is not enabled on the bucket");
	if (input.bypassGovernance) call.need("bypassGovernance");
	const next = input.fileRetention;
	const shorter =
		next.mode === null ||
		(next.retainUntilTimestamp ?? 0) <
			(file.retention.retainUntilTimestamp ?? 0) ||
		(file.retention.mode === "compliance" && next.mode !== "compliance");
	const held = call.storage.isLocked(
		{ ...file, hold: false },
		input.bypassGovernance ?? false,
	);
	if (shorter && held)
		throw new B2Error(401, "access_denied", "File is locked");
	call.storage.saveLock(file, next, file.hold);
	return { fileId: file.id, fileName: file.name, fileRetention: next };
}

/** `b2_update_file_legal_hold`. */
export function updateLegalHold(call: Call) {
	const input = call.read(
		z.object({
			fileId: z.string(),
			fileName: z.string(),
			legalHold: z.enum(["on", "off"]),
		}),
	);
	const { file, bucket } = call.file(input.fileId, "writeFileLegalHolds");
	if (!bucket.locked)
		throw badRequest("File Lock is not enabled on the bucket");
	call.storage.saveLock(file, file.retention, input.legalHold === "on");
	return {
		fileId: file.id,
		fileName: file.name,
		legalHold: input.legalHold,
	};
}

/** `b2_get_download_authorization`: a token that reads below one prefix. */
export function downloadAuthorization(call: Call) {
	const input = call.read(
		z.object({
			bucketId: z.string(),
			fileNamePrefix: z.string(),
			validDurationInSeconds: z
				.int()
				.min(1)
				.max(7 * day),
		}),
	);
	call.bucket(input.bucketId, "shareFiles", input.fileNamePrefix);
	return {
		bucketId: input.bucketId,
		fileNamePrefix: input.fileNamePrefix,
		authorizationToken: call.token("download", input.validDurationInSeconds, {
			bucket: input.bucketId,
			prefix: input.fileNamePrefix,
		}),
	};
}

/** Pages through a bucket; with a delimiter, names behind it fold into one `folder` entry. */
function listing(
	call: Call,
	select: (versions: FileVersion[]) => FileVersion[],
) {
	const input = call.read(Listing);
	const prefix = input.prefix ?? "";
	const bucket = call.bucket(input.bucketId, "listFiles", prefix);
	const max = input.maxFileCount ?? 100;
	const start = input.startFileName ?? "";
	const byName = Map.groupBy(
		call.storage.versions(bucket.id, prefix, start),
		(file) => file.name,
	);
	const files: unknown[] = [];
	const folders = new Set<string>();
	for (const [name, versions] of byName) {
		const selected = select(versions);
		const from =
			name === start && input.startFileId
				? selected.findIndex((file) => file.id === input.startFileId)
				: 0;
		const folder = folderOf(name, prefix, input.delimiter ?? "");
		for (const file of selected.slice(Math.max(from, 0))) {
			if (folder !== undefined && folders.has(folder)) continue;
			if (files.length === max) return { files, next: file };
			if (folder === undefined)
				files.push({
					...fileView(file, bucket, call.key),
					// The first version of the API calls the length of a listed file by this name too.
					...(call.version === 1 ? { size: file.size } : {}),
				});
			else {
				folders.add(folder);
				files.push({
					accountId: bucket.account,
					action: "folder",
					bucketId: bucket.id,
					contentLength: 0,
					contentType: null,
					contentSha1: null,
					fileId: null,
					fileInfo: {},
					fileName: folder,
					uploadTimestamp: 0,
				});
			}
		}
	}
	return { files, next: undefined };
}

/** The part of a name up to the first delimiter behind the prefix. */
export function folderOf(
	name: string,
	prefix: string,
	delimiter: string,
): string | undefined {
	if (delimiter === "") return undefined;
	const at = name.indexOf(delimiter, prefix.length);
	return at < 0 ? undefined : name.slice(0, at + delimiter.length);
}
