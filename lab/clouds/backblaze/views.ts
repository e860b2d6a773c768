import { allows } from "./access.ts";
import type { Bucket, FileVersion, Key, Part } from "./model.ts";

/** A bucket as the native API shows it; what the key may not read is masked the way B2 does it. */
export function bucketView(bucket: Bucket, key: Key) {
	const { mode, period } = bucket.retention;
	return {
		accountId: bucket.account,
		bucketId: bucket.id,
		bucketInfo: bucket.info,
		bucketName: bucket.name,
		bucketType: bucket.type,
		corsRules: bucket.cors,
		defaultServerSideEncryption: guarded(
			allows(key, "readBucketEncryption", {}),
			{
				algorithm: bucket.encryption.algorithm ?? null,
				mode: bucket.encryption.mode,
			},
		),
		fileLockConfiguration: guarded(allows(key, "readBucketRetentions", {}), {
			defaultRetention: { mode, period: period ?? null },
			isFileLockEnabled: bucket.locked,
		}),
		lifecycleRules: bucket.lifecycle.map((rule) => ({
			daysFromHidingToDeleting: rule.daysFromHidingToDeleting ?? null,
			daysFromStartingToCancelingUnfinishedLargeFiles:
				rule.daysFromStartingToCancelingUnfinishedLargeFiles ?? null,
			daysFromUploadingToHiding: rule.daysFromUploadingToHiding ?? null,
			fileNamePrefix: rule.fileNamePrefix,
		})),
		options: ["s3"],
		replicationConfiguration: guarded(
			allows(key, "readBucketReplications", {}),
			{ asReplicationDestination: null, asReplicationSource: null },
		),
		revision: bucket.revision,
	};
}

/** A file version as the native API shows it. */
export function fileView(file: FileVersion, bucket: Bucket, key: Key) {
	const hidden = file.action === "hide";
	const retention = file.retention.mode === null ? null : file.retention;
	return {
		accountId: bucket.account,
		action: file.action,
		bucketId: file.bucket,
		contentLength: file.size,
		contentMd5: file.sha1 === null ? null : file.etag,
		contentSha1: hidden ? null : (file.sha1 ?? "none"),
		contentType: file.type,
		fileId: file.id,
		fileInfo: file.info,
		fileName: file.name,
		fileRetention: guarded(
			allows(key, "readFileRetentions", {}),
			hidden ? null : (retention ?? { mode: null, retainUntilTimestamp: null }),
		),
		legalHold: guarded(
			allows(key, "readFileLegalHolds", {}),
			file.hold ? "on" : null,
		),
		replicationStatus: null,
		serverSideEncryption: {
			algorithm: bucket.encryption.algorithm ?? null,
			mode: bucket.encryption.mode,
		},
		uploadTimestamp: file.uploaded,
	};
}

/** An application key; its secret is shown only when it is made. `version` decides the shape of its buckets. */
export function keyView(key: Key, version: number) {
	return {
		accountId: key.account,
		applicationKeyId: key.id,
		...(version >= 4
			? { bucketIds: key.buckets }
			: { bucketId: key.buckets?.[0] ?? null }),
		capabilities: key.capabilities,
		expirationTimestamp: key.expires,
		keyName: key.name,
		namePrefix: key.prefix,
		options: ["s3"],
	};
}

/** An uploaded part of a large file. */
export function partView(file: string, part: Part) {
	return {
		contentLength: part.size,
		contentMd5: part.md5,
		contentSha1: part.sha1,
		fileId: file,
		partNumber: part.number,
		serverSideEncryption: { algorithm: null, mode: null },
		uploadTimestamp: part.uploaded,
	};
}

function guarded<T>(isClientAuthorizedToRead: boolean, value: T) {
	return {
		isClientAuthorizedToRead,
		value: isClientAuthorizedToRead ? value : null,
	};
}
