import type { B2Bucket, BucketSettings } from "../clients/b2.ts";
import { type ApiError, isApiError, ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import type { Context, Resource } from "../resource.ts";
import type { bucketShape, Inputs, State } from "../shapes.ts";

type Shape = typeof bucketShape;

/** What says that a bucket is ours. */
const mark = { moltbot: "backup" };

/**
 * Safe against interruption: the name is unique, so a bucket that a lost answer made is found again, and every setting
 * is set again.
 */
export const bucket: Resource<Shape> = {
	async create(context, inputs) {
		const found = await context.b2.bucket(inputs.name);
		if (found && !isOurs(found))
			throw new ProviderError(
				"bucket_not_ours",
				messages.bucketNotOurs(inputs.name),
			);
		if (found) context.report.info(messages.bucketAdopted(inputs.name));
		const made = await settle(
			context,
			found ?? (await make(context, inputs)),
			inputs,
		);
		return { id: made.bucketId, state: await stateOf(context, inputs, made) };
	},

	async read(context, id, state) {
		const found = await context.b2.bucket(state.name);
		if (!found || found.bucketId !== id || !isOurs(found)) return undefined;
		return stateOf(context, state, found);
	},

	async update(context, _id, state, inputs) {
		const found = await context.b2.bucket(state.name);
		if (!found || !isOurs(found))
			throw new ProviderError(
				"bucket_not_ours",
				messages.bucketNotOurs(state.name),
			);
		return stateOf(context, inputs, await settle(context, found, inputs));
	},

	async delete(context, _id, state) {
		context.report.info(messages.bucketRetained(state.name));
	},
};

function isOurs(found: B2Bucket): boolean {
	return found.bucketInfo.moltbot === mark.moltbot;
}

function lifecycle(days: number): BucketSettings["lifecycleRules"] {
	return [
		{
			fileNamePrefix: "",
			daysFromHidingToDeleting: days,
			daysFromUploadingToHiding: null,
		},
	];
}

async function make(
	context: Context,
	inputs: Inputs<Shape>,
): Promise<B2Bucket> {
	try {
		return await context.b2.createBucket(inputs.name, {
			bucketType: "allPrivate",
			bucketInfo: mark,
			lifecycleRules: lifecycle(inputs.retentionDays),
			...(inputs.objectLock ? { fileLockEnabled: true } : {}),
		});
	} catch (error) {
		if (isDuplicate(error))
			throw new ProviderError(
				"bucket_name_taken",
				messages.bucketNameTaken(inputs.name),
			);
		throw error;
	}
}

function isDuplicate(error: unknown): error is ApiError {
	return (
		(isApiError(error, "invalid_request") || isApiError(error, "conflict")) &&
		error.refusal.serverCode === "duplicate_bucket_name"
	);
}

/** Brings an existing bucket of ours to what is wanted; touches nothing if it is there already. */
async function settle(
	{ b2 }: Context,
	found: B2Bucket,
	inputs: Inputs<Shape>,
): Promise<B2Bucket> {
	if (isLocked(found) && inputs.objectLock === false)
		throw new ProviderError(
			"object_lock_stays",
			messages.objectLockStays(inputs.name),
		);
	const lock = inputs.objectLock === true;
	const asWanted =
		found.bucketType === "allPrivate" &&
		found.lifecycleRules.length === 1 &&
		retentionOf(found) === inputs.retentionDays &&
		found.lifecycleRules[0]?.fileNamePrefix === "" &&
		!found.lifecycleRules[0].daysFromUploadingToHiding &&
		(!lock || (isLocked(found) && lockDays(found) === inputs.retentionDays));
	if (asWanted) return found;
	// The default retention cannot be given when a bucket is made.
	return b2.updateBucket(found, {
		bucketType: "allPrivate",
		lifecycleRules: lifecycle(inputs.retentionDays),
		...(lock
			? {
					...(isLocked(found) ? {} : { fileLockEnabled: true }),
					defaultRetention: {
						mode: "governance",
						period: { duration: inputs.retentionDays, unit: "days" },
					},
				}
			: {}),
	});
}

function retentionOf(found: B2Bucket): number | undefined {
	return found.lifecycleRules[0]?.daysFromHidingToDeleting ?? undefined;
}

function isLocked(found: B2Bucket): boolean {
	return found.fileLockConfiguration?.value?.isFileLockEnabled ?? false;
}

function lockDays(found: B2Bucket): number | undefined {
	const retention = found.fileLockConfiguration?.value?.defaultRetention;
	return retention?.mode === "governance"
		? (retention.period?.duration ?? undefined)
		: undefined;
}

/** The state tells how the bucket is, so that a refresh shows what somebody changed by hand. */
async function stateOf(
	{ b2 }: Context,
	inputs: Inputs<Shape>,
	found: B2Bucket,
): Promise<State<Shape>> {
	const { endpoint, region } = await b2.s3();
	return {
		name: inputs.name,
		retentionDays: retentionOf(found) ?? inputs.retentionDays,
		...(inputs.objectLock === undefined ? {} : { objectLock: isLocked(found) }),
		bucketId: found.bucketId,
		s3Endpoint: endpoint,
		region,
	};
}
