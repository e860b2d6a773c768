import type { Resource } from "../resource.ts";
import type { bucketKeyShape } from "../shapes.ts";

/**
 * Safe against interruption: the secret half of a key is told once, so a key of this name that nobody knows any more
 * is deleted before the new one is made.
 */
export const bucketKey: Resource<typeof bucketKeyShape> = {
	async create({ b2 }, inputs) {
		await b2.deleteKeysNamed(inputs.name);
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
