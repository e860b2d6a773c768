import type { Resource } from "../resource.ts";
import type { tailnetPolicyShape } from "../shapes.ts";

/** Stands in the state for a file that somebody else has changed, so that the next `up` shows and mends it. */
const foreign = "changed outside of this stack";

/** Safe against interruption: the same text twice is one policy. A destroy leaves it, for a tailnet cannot be without. */
export const tailnetPolicy: Resource<typeof tailnetPolicyShape> = {
	async create({ tailscale }, { policy }) {
		const etag = await tailscale.writePolicy(policy);
		return { id: "policy", state: { policy, etag } };
	},

	async read({ tailscale }, _id, state) {
		const { etag } = await tailscale.policy();
		return etag === state.etag ? state : { policy: foreign, etag };
	},

	async update({ tailscale }, _id, _state, { policy }) {
		return { policy, etag: await tailscale.writePolicy(policy) };
	},
};
