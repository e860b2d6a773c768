import { z } from "zod";
import { notEntitled, S3Error } from "./errors.ts";
import type { S3Call } from "./s3.ts";
import { newBucket } from "./seed.ts";
import { readXml, xml } from "./xml.ts";

/** ListBuckets: B2 asks for `listAllBucketNames`, also of a key of one bucket. */
export function listBuckets(call: S3Call): Response {
	call.need("listAllBucketNames");
	const { key } = call.signed;
	return xml("ListAllMyBucketsResult", {
		Owner: { ID: key.account, DisplayName: "" },
		Buckets: {
			Bucket: call.storage.buckets(key.account).map((bucket) => ({
				Name: bucket.name,
				CreationDate: new Date(0).toISOString(),
			})),
		},
	});
}

export function head(call: S3Call): Response {
	call.bucket("listBuckets");
	return new Response(null, {
		headers: { "x-amz-bucket-region": call.region },
	});
}

/** CreateBucket. */
export function create(call: S3Call): Response {
	const { storage, bucketName, signed } = call;
	call.need("writeBuckets");
	if (signed.key.buckets !== null) throw notEntitled();
	if (!/^[a-z0-9-]{6,63}$/.test(bucketName))
		throw new S3Error(
			400,
			"InvalidBucketName",
			`The specified bucket is not valid: ${bucketName}`,
		);
	const taken = storage.bucketNamed(bucketName);
	if (taken)
		throw taken.account === signed.key.account
			? new S3Error(
					409,
					"BucketAlreadyOwnedByYou",
					"Your previous request to create the named bucket succeeded and you already own it.",
				)
			: new S3Error(
					409,
					"BucketAlreadyExists",
					"The requested bucket name is not available.",
				);
	const locked =
		call.header("x-amz-bucket-object-lock-enabled")?.toLowerCase() === "true";
	if (locked) call.need("writeBucketRetentions");
	storage.saveBucket({
		...newBucket(storage, signed.key.account, bucketName),
		locked,
	});
	return new Response(null, { headers: { location: `/${bucketName}` } });
}

export function remove(call: S3Call): Response {
	const bucket = call.bucket("deleteBuckets");
	if (!call.storage.removeBucket(bucket.id))
		throw new S3Error(
			409,
			"BucketNotEmpty",
			"The bucket you tried to delete is not empty",
		);
	return new Response(null, { status: 204 });
}

export function location(call: S3Call): Response {
	call.bucket("listBuckets");
	return xml("LocationConstraint", { "#text": call.region });
}

/** GetBucketVersioning: B2 keeps versions in every bucket. */
export function versioning(call: S3Call): Response {
	call.bucket("listBuckets");
	return xml("VersioningConfiguration", { Status: "Enabled" });
}

/** PutBucketVersioning: only what is the case anyway. */
export async function setVersioning(call: S3Call): Promise<Response> {
	call.bucket("writeBuckets");
	const { VersioningConfiguration } = await readXml(
		call.body,
		z.object({ VersioningConfiguration: z.object({ Status: z.string() }) }),
	);
	if (VersioningConfiguration.Status !== "Enabled")
		throw new S3Error(
			501,
			"NotImplemented",
			"Suspending versioning is not supported",
		);
	return new Response(null);
}

/** GetObjectLockConfiguration. */
export function objectLock(call: S3Call): Response {
	const bucket = call.bucket("readBucketRetentions");
	if (!bucket.locked)
		throw new S3Error(
			404,
			"ObjectLockConfigurationNotFoundError",
			"Object Lock configuration does not exist for this bucket",
		);
	const { mode, period } = bucket.retention;
	return xml("ObjectLockConfiguration", {
		ObjectLockEnabled: "Enabled",
		...(mode && period
			? {
					Rule: {
						DefaultRetention: {
							Mode: mode.toUpperCase(),
							[period.unit === "days" ? "Days" : "Years"]: period.duration,
						},
					},
				}
			: {}),
	});
}
