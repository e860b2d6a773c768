import { beaconName } from "../objects.ts";
import type { Resource } from "../resource.ts";
import { presign } from "../s3presign.ts";
import type { beaconShape } from "../shapes.ts";

/** As long as the join key lives; afterwards a host that never joined is replaced. */
const validSeconds = 3600;

/** Nothing is made anywhere: the URL is computed, with Backblaze's time, because a signature from another hour is void. */
export const beacon: Resource<typeof beaconShape> = {
	async create({ b2 }, inputs) {
		const object = beaconName(inputs.generation);
		const url = presign({
			method: "PUT",
			url: `${inputs.s3Endpoint}/${inputs.bucketName}/${object}`,
			region: inputs.region,
			accessKeyId: inputs.keyId,
			secretAccessKey: inputs.key,
			at: await b2.serverTime(),
			expires: validSeconds,
		});
		return { id: object, state: { ...inputs, url, object } };
	},
};
