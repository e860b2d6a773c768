import type { Resource } from "../resource.ts";
import type { joinKeyShape } from "../shapes.ts";

/**
 * A key whose creation was answered to nobody expires by itself. One that was used up or has expired stays in the state: it has
 * done its work, and only a new generation needs another.
 */
export const joinKey: Resource<typeof joinKeyShape> = {
	async create({ tailscale }, inputs) {
		const { id, key } = await tailscale.createKey(inputs);
		return { id, state: { ...inputs, key } };
	},

	async delete({ tailscale }, id) {
		await tailscale.deleteKey(id);
	},
};
