import type { B2File } from "../clients/b2.ts";
import { isApiError, ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import {
	bornName,
	bornSchema,
	claimName,
	claimNumber,
	claimPrefix,
	claimSchema,
} from "../objects.ts";
import type { Context, Resource } from "../resource.ts";
import type { generationShape, Inputs, State } from "../shapes.ts";
import { bucketTag, generationTag } from "../tags.ts";

type Shape = typeof generationShape;

/** The join key lives for an hour; a host that has not joined by then never will. */
const unbornLifetime = 3_600_000;

/** Attempts to get a number when somebody else claims at the same moment. */
const claimAttempts = 5;

/**
 * Safe against interruption: a claim that was written but not remembered is found again, because its host was never
 * born and its fingerprint is the same.
 */
export const generation: Resource<Shape> = {
	async create(context, inputs) {
		const top = await highestClaim(context, inputs.bucketId);
		const found = top && (await adoptable(context, inputs, top));
		if (found) {
			context.report.info(messages.generationAdopted(found.number));
			return { id: claimName(found.number), state: found };
		}
		const claimed = await claim(context, inputs, (top?.number ?? 0) + 1);
		return { id: claimName(claimed.number), state: claimed };
	},

	/** Gone when its VM is: a host that has lived cannot be born again under the same number. */
	async read(context, _id, state) {
		const claims = await context.b2.files(
			state.bucketId,
			claimName(state.number),
		);
		if (claims.length === 0) return undefined;
		if (!(await isBorn(context, state.bucketName, state.number))) return state;
		return (await hasVm(context, state.bucketName, state.number))
			? state
			: undefined;
	},

	async outdated(context, _id, state) {
		try {
			if (await isBorn(context, state.bucketName, state.number)) return [];
			const age = (await context.b2.serverTime()) - Date.parse(state.claimedAt);
			if (age <= unbornLifetime) return [];
		} catch (error) {
			// A no-op `up` and a preview must work where Backblaze cannot be asked.
			if (!isOutOfReach(error)) throw error;
			context.report.warn(
				messages.generationUnchecked(state.number, error.message),
			);
			return [];
		}
		context.report.info(messages.generationStale(state.number));
		return ["number"];
	},

	/** The claim stays: numbers are never used twice. A VM that an interrupted run left unknown would be billed for ever. */
	async delete(context, _id, state) {
		for (const { id, tags } of await context.vultr.instancesTagged(
			bucketTag(state.bucketName),
		)) {
			if (!tags.includes(generationTag(state.number))) continue;
			if (await isBorn(context, state.bucketName, state.number))
				context.report.warn(messages.generationOrphan(id, state.number));
			else {
				context.report.info(messages.instanceLeftover(id, state.number));
				await context.vultr.deleteInstance(id);
			}
		}
	},
};

interface Claim {
	readonly number: number;
	readonly file: B2File;
}

/** The claim with the highest number. */
export async function highestClaim(
	{ b2 }: Pick<Context, "b2">,
	bucketId: string,
): Promise<Claim | undefined> {
	const claims = (await b2.files(bucketId, claimPrefix)).flatMap((file) => {
		const number = claimNumber(file.fileName);
		return number === undefined ? [] : [{ number, file }];
	});
	return claims.sort((a, b) => b.number - a.number)[0];
}

/** The highest claim, if it is ours to go on with. */
async function adoptable(
	context: Context,
	inputs: Inputs<Shape>,
	{ number, file }: Claim,
): Promise<State<Shape> | undefined> {
	const { b2 } = context;
	const written = await b2.download(
		inputs.bucketName,
		claimName(number),
		claimSchema,
	);
	if (!written) return undefined;
	const adopted = {
		...inputs,
		fingerprint: written.fingerprint,
		number,
		claimedAt: new Date(file.uploadTimestamp).toISOString(),
		adopted: true,
	};
	if (await isBorn(context, inputs.bucketName, number))
		return (await hasVm(context, inputs.bucketName, number))
			? adopted
			: undefined;
	const age = (await b2.serverTime()) - file.uploadTimestamp;
	return written.fingerprint === inputs.fingerprint && age <= unbornLifetime
		? adopted
		: undefined;
}

/** Writes a claim; whoever wrote the first version of a number has it. */
async function claim(
	{ b2 }: Context,
	inputs: Inputs<Shape>,
	from: number,
): Promise<State<Shape>> {
	const { fingerprint, hostname, bucketName, bucketId } = inputs;
	for (let number = from; number < from + claimAttempts; number++) {
		const name = claimName(number);
		const ours = await b2.upload(
			bucketId,
			name,
			JSON.stringify({ fingerprint, hostname }),
		);
		const first = (await b2.versions(bucketId, name)).at(-1);
		if (first === undefined || first.fileId === ours.fileId)
			return {
				...inputs,
				bucketName,
				number,
				claimedAt: new Date(ours.uploadTimestamp).toISOString(),
				adopted: false,
			};
		if (ours.fileId) await b2.deleteVersion(name, ours.fileId);
	}
	throw new ProviderError(
		"claim_contended",
		messages.claimContended(bucketName),
	);
}

/** Whether the host of a generation joined once and let us in. */
export async function isBorn(
	{ b2 }: Context,
	bucketName: string,
	number: number,
): Promise<boolean> {
	const born = await b2.download(bucketName, bornName(number), bornSchema);
	return born !== undefined;
}

async function hasVm(
	{ vultr }: Context,
	bucketName: string,
	number: number,
): Promise<boolean> {
	const vms = await vultr.instancesTagged(bucketTag(bucketName));
	return vms.some(({ tags }) => tags.includes(generationTag(number)));
}

function isOutOfReach(error: unknown): error is Error {
	return (
		isApiError(error, "network") ||
		isApiError(error, "timeout") ||
		isApiError(error, "unavailable") ||
		isApiError(error, "rate_limited")
	);
}
