import type { B2KeyInfo } from "../clients/b2.ts";
import type { Resource } from "../resource.ts";
import type { bucketKeyShape, Inputs } from "../shapes.ts";

/**
 * Safe against interruption: the secret half of a key is told once, so a key of this name that nobody knows any more
 * is deleted before the new one is made, and so are those of earlier generations, whose hosts are no more.
 */
export const bucketKey: Resource<typeof bucketKeyShape> = {
	async create({ b2 }, inputs) {
		for (const key of await b2.keysWhere((key) => isPast(key, inputs)))
			await b2.deleteKey(key.applicationKeyId);
		const made = await b2.createKey(
			inputs.name,
			inputs.bucketId,
			inputs.capabilities,
			inputs.namePrefix,
		);
		return {
			id: made.applicationKeyId,
			state: {
				...inputs,
				keyId: made.applicationKeyId,
				key: made.applicationKey,
			},
		};
	},

	async read({ b2 }, id, state) {
		return (await b2.key(id)) ? state : undefined;
	},

	async delete({ b2 }, id) {
		await b2.deleteKey(id);
	},
};

/** A key for this bucket under this name, or under the name of an earlier generation. */
function isPast(
	{ keyName, bucketId }: B2KeyInfo,
	inputs: Inputs<typeof bucketKeyShape>,
): boolean {
	if (keyName === inputs.name) return true;
	const [theirs, ours] = [numbered(keyName), numbered(inputs.name)];
	return (
		bucketId === inputs.bucketId &&
		theirs?.stem === ours?.stem &&
		(theirs?.number ?? 0) < (ours?.number ?? 0)
	);
}

/** Takes `<bucket>-g<generation>` apart. */
function numbered(name: string): { stem: string; number: number } | undefined {
	const match = /^(.+-g)(\d+)$/.exec(name);
	return match ? { stem: match[1] ?? "", number: Number(match[2]) } : undefined;
}
