import { Bucket, BucketKey } from "./provider/sdk.ts";
import * as pulumi from "./pulumi.ts";
import type { Settings } from "./settings.ts";

/**
 * What the host's key may do: write and read, never delete (restic then hides). `listAllBucketNames` is what S3
 * clients need with a key for one bucket.
 */
export const hostCapabilities = [
	"listAllBucketNames",
	"listBuckets",
	"listFiles",
	"readFiles",
	"writeFiles",
];

/** The bucket of the stack; destroy leaves it and its history where they are. */
export function backupBucket(
	settings: Settings,
	options: pulumi.CustomResourceOptions,
): Bucket {
	const { bucket: name, retentionDays, objectLock } = settings;
	return new Bucket(
		"backup",
		{ name, retentionDays, objectLock },
		{ ...options, retainOnDelete: true },
	);
}

/** The key of one host, by generation; the next host gets another one. */
export function hostKey(
	bucket: Bucket,
	generation: pulumi.Output<number>,
	options: pulumi.CustomResourceOptions,
): BucketKey {
	return new BucketKey(
		"backup-key",
		{
			bucketId: bucket.bucketId,
			name: pulumi.interpolate`${bucket.name}-g${generation}`,
			capabilities: hostCapabilities,
		},
		options,
	);
}
