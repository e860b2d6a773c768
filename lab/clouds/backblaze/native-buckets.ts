import { z } from "zod";
import { B2Error, badRequest } from "./errors.ts";
import {
	type Bucket,
	DefaultRetention,
	Encryption,
	LifecycleRule,
} from "./model.ts";
import type { Call } from "./native.ts";
import { newBucket } from "./seed.ts";
import { bucketView } from "./views.ts";

const Settings = z.object({
	bucketType: z.enum(["allPrivate", "allPublic"]).nullish(),
	bucketInfo: z.record(z.string(), z.string()).nullish(),
	corsRules: z.array(z.unknown()).nullish(),
	lifecycleRules: z.array(LifecycleRule).max(100).nullish(),
	defaultServerSideEncryption: Encryption.nullish(),
	fileLockEnabled: z.boolean().nullish(),
});
const Name = z
	.string()
	.regex(/^[A-Za-z0-9-]{6,63}$/)
	.refine((name) => !name.startsWith("b2-"), "must not begin with b2-");

/** `b2_create_bucket`. Default retention cannot be given here, only by an update. */
export function create(call: Call) {
	const input = call.read(
		Settings.extend({
			accountId: z.string(),
			bucketName: Name,
			bucketType: z.enum(["allPrivate", "allPublic"]),
		}),
	);
	call.need("writeBuckets");
	if (input.accountId !== call.key.account)
		throw badRequest("accountId does not belong to the authorization token");
	guard(call, input);
	// A key of one bucket cannot make another.
	if (call.key.buckets !== null)
		throw new B2Error(401, "unauthorized", "unauthorized");
	if (call.storage.bucketNamed(input.bucketName))
		throw new B2Error(
			400,
			"duplicate_bucket_name",
			"Bucket name is already in use.",
		);
	const bucket = change(
		newBucket(call.storage, call.key.account, input.bucketName),
		input,
	);
	call.storage.saveBucket(bucket);
	return bucketView(bucket, call.key);
}

/** `b2_update_bucket`: what is not given stays; `ifRevisionIs` guards against a lost update. */
export function update(call: Call) {
	const input = call.read(
		Settings.extend({
			bucketId: z.string(),
			defaultRetention: DefaultRetention.nullish(),
			ifRevisionIs: z.int().nullish(),
		}),
	);
	const bucket = call.bucket(input.bucketId, "writeBuckets");
	guard(call, input);
	if (input.defaultRetention) call.need("writeBucketRetentions");
	if (input.ifRevisionIs != null && input.ifRevisionIs !== bucket.revision)
		throw new B2Error(
			409,
			"conflict",
			`ifRevisionIs ${input.ifRevisionIs} does not match revision ${bucket.revision}`,
		);
	if (input.fileLockEnabled === false && bucket.locked)
		throw badRequest("File Lock cannot be disabled");
	const changed = change(bucket, input);
	if (input.defaultRetention) {
		if (!changed.locked)
			throw badRequest(
				"defaultRetention needs a bucket with File Lock enabled",
			);
		changed.retention = input.defaultRetention;
	}
	changed.revision += 1;
	call.storage.saveBucket(changed);
	return bucketView(changed, call.key);
}

/** `b2_list_buckets`: a key of certain buckets must name one of them. */
export function list(call: Call) {
	const input = call.read(
		z.object({
			accountId: z.string(),
			bucketId: z.string().nullish(),
			bucketName: z.string().nullish(),
			bucketTypes: z.array(z.string()).nullish(),
		}),
	);
	call.need("listBuckets");
	const buckets = call.storage
		.buckets(call.key.account)
		.filter((b) => input.bucketId == null || b.id === input.bucketId)
		.filter((b) => input.bucketName == null || b.name === input.bucketName);
	const mine = call.key.buckets;
	if (mine !== null) {
		const named = input.bucketId != null || input.bucketName != null;
		const own = mine.map((id) => call.storage.bucket(id)?.name);
		const foreign =
			(input.bucketId != null && !mine.includes(input.bucketId)) ||
			(input.bucketName != null && !own.includes(input.bucketName));
		if (!named || foreign)
			throw new B2Error(401, "unauthorized", "unauthorized");
	}
	return { buckets: buckets.map((bucket) => bucketView(bucket, call.key)) };
}

/** `b2_delete_bucket`: only an empty one, hidden versions included. */
export function remove(call: Call) {
	const { bucketId } = call.read(z.object({ bucketId: z.string() }));
	const bucket = call.bucket(bucketId, "deleteBuckets");
	if (!call.storage.removeBucket(bucketId))
		throw new B2Error(
			400,
			"cannot_delete_non_empty_bucket",
			"Cannot delete non-empty bucket",
		);
	return bucketView(bucket, call.key);
}

/** Settings that need more than `writeBuckets`, and rules that contradict each other. */
function guard(call: Call, input: z.output<typeof Settings>): void {
	if (input.fileLockEnabled) call.need("writeBucketRetentions");
	if (input.defaultServerSideEncryption) call.need("writeBucketEncryption");
	const prefixes = (input.lifecycleRules ?? []).map((r) => r.fileNamePrefix);
	for (const [index, prefix] of prefixes.entries())
		if (prefixes.some((p, i) => i !== index && p.startsWith(prefix)))
			throw badRequest(
				`More than one lifecycle rule applies to file names that begin with "${prefix}"`,
			);
}

function change(bucket: Bucket, input: z.output<typeof Settings>): Bucket {
	return {
		...bucket,
		type: input.bucketType ?? bucket.type,
		info: input.bucketInfo ?? bucket.info,
		cors: input.corsRules ?? bucket.cors,
		lifecycle: input.lifecycleRules ?? bucket.lifecycle,
		encryption: input.defaultServerSideEncryption ?? bucket.encryption,
		locked: input.fileLockEnabled ?? bucket.locked,
	};
}
