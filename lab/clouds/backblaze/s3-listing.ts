import { S3Error } from "./errors.ts";
import type { FileVersion } from "./model.ts";
import { folderOf } from "./native-files.ts";
import type { S3Call } from "./s3.ts";
import { encode } from "./sigv4.ts";
import { xml } from "./xml.ts";

type Entry = { key: string; file: FileVersion } | { key: string; file?: never };

/** ListObjects and ListObjectsV2: names whose newest version is no hide marker. */
export function listObjects(call: S3Call): Response {
	const options = optionsOf(call);
	const bucket = call.bucket("listFiles", options.prefix);
	const isV2 = call.query.get("list-type") === "2";
	const after = isV2
		? continuation(call) || (call.query.get("start-after") ?? "")
		: (call.query.get("marker") ?? "");
	const { entries, next } = page(
		currentOf(call.storage.versions(bucket.id, options.prefix, after)),
		{ ...options, after },
	);
	const last = entries.at(-1)?.key ?? "";
	return xml("ListBucketResult", {
		...head(call, options, next !== undefined),
		...(isV2
			? {
					KeyCount: entries.length,
					...(next === undefined
						? {}
						: {
								NextContinuationToken: Buffer.from(last).toString("base64url"),
							}),
				}
			: {
					Marker: options.name(after),
					NextMarker: next && options.name(last),
				}),
		Contents: entries.flatMap(({ file }) =>
			file ? [objectEntry(file, options.name)] : [],
		),
		CommonPrefixes: folders(entries, options.name),
	});
}

/** ListObjectVersions. */
export function listVersions(call: S3Call): Response {
	const options = optionsOf(call);
	const bucket = call.bucket("listFiles", options.prefix);
	const from = call.query.get("key-marker") ?? "";
	const marker = call.query.get("version-id-marker");
	const all = [
		...call.storage.versions(bucket.id, options.prefix, from),
	].filter((file) => file.action !== "start");
	const newest = new Set(all.filter((f, i) => all[i - 1]?.name !== f.name));
	const seen = all.findIndex((file) => file.id === marker);
	const rest = marker
		? all.slice(seen + 1)
		: all.filter((file) => from === "" || file.name > from);
	const { entries, next } = page(rest, { ...options, after: "" });
	const last = entries.at(-1);
	const version = (file: FileVersion) => ({
		IsLatest: newest.has(file),
		VersionId: file.id,
		Owner: { ID: bucket.account },
	});
	return xml("ListVersionsResult", {
		...head(call, options, next !== undefined),
		KeyMarker: options.name(from),
		VersionIdMarker: marker ?? "",
		...(next === undefined || !last
			? {}
			: {
					NextKeyMarker: options.name(last.key),
					NextVersionIdMarker: last.file?.id,
				}),
		Version: entries.flatMap(({ file }) =>
			file?.action === "upload"
				? [{ ...objectEntry(file, options.name), ...version(file) }]
				: [],
		),
		DeleteMarker: entries.flatMap(({ file }) =>
			file?.action === "hide"
				? [
						{
							Key: options.name(file.name),
							LastModified: new Date(file.uploaded).toISOString(),
							...version(file),
						},
					]
				: [],
		),
		CommonPrefixes: folders(entries, options.name),
	});
}

interface Options {
	readonly prefix: string;
	readonly delimiter: string;
	readonly max: number;
	/** A key as the answer spells it. */
	readonly name: (key: string) => string;
}

function optionsOf(call: S3Call): Options {
	const max = Number(call.query.get("max-keys") ?? 1000);
	if (!Number.isInteger(max) || max < 0)
		throw new S3Error(400, "InvalidArgument", "max-keys must be a number");
	const encoded = call.query.get("encoding-type") === "url";
	return {
		prefix: call.query.get("prefix") ?? "",
		delimiter: call.query.get("delimiter") ?? "",
		max: Math.min(max, 1000),
		name: (key) => (encoded ? encode(key).replaceAll("%2F", "/") : key),
	};
}

function head(call: S3Call, options: Options, isTruncated: boolean) {
	return {
		Name: call.bucketName,
		Prefix: options.name(options.prefix),
		...(options.delimiter === "" ? {} : { Delimiter: options.delimiter }),
		...(call.query.has("encoding-type") ? { EncodingType: "url" } : {}),
		MaxKeys: options.max,
		IsTruncated: isTruncated,
	};
}

function objectEntry(file: FileVersion, name: Options["name"]) {
	return {
		Key: name(file.name),
		LastModified: new Date(file.uploaded).toISOString(),
		ETag: `"${file.etag}"`,
		Size: file.size,
		StorageClass: "STANDARD",
	};
}

function folders(entries: readonly Entry[], name: Options["name"]) {
	return entries.flatMap((entry) =>
		entry.file ? [] : [{ Prefix: name(entry.key) }],
	);
}

/** The current version of each name that has one. */
function* currentOf(versions: Iterable<FileVersion>): Generator<FileVersion> {
	let name: string | undefined;
	for (const file of versions) {
		if (file.action === "start" || file.name === name) continue;
		name = file.name;
		if (file.action === "upload") yield file;
	}
}

/** Up to `max` entries behind `after`, with names behind the delimiter folded into one. */
function page(
	files: Iterable<FileVersion>,
	options: Options & { after: string },
): { entries: Entry[]; next: FileVersion | undefined } {
	const entries: Entry[] = [];
	const { after, prefix, delimiter, max } = options;
	const seen = new Set<string>();
	for (const file of files) {
		const folder = folderOf(file.name, prefix, delimiter);
		const key = folder ?? file.name;
		if (after !== "" && (file.name <= after || key === after)) continue;
		if (folder !== undefined && seen.has(folder)) continue;
		if (entries.length === max) return { entries, next: file };
		if (folder !== undefined) seen.add(folder);
		entries.push(folder === undefined ? { key, file } : { key });
	}
	return { entries, next: undefined };
}

function continuation(call: S3Call): string {
	const token = call.query.get("continuation-token") ?? "";
	return Buffer.from(token, "base64url").toString();
}
