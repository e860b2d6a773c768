import type { FirewallGroup } from "../clients/vultr.ts";
import { messages } from "../messages.ts";
import type { Context, Resource } from "../resource.ts";
import type { firewallShape } from "../shapes.ts";

/**
 * Safe against interruption: a group whose creation was answered to nobody is found again by its description, which
 * names the stack. One with rules lets somebody in, so it is never taken for ours.
 */
export const firewall: Resource<typeof firewallShape> = {
	async create(context, { description }) {
		const found = await closedGroups(context, description);
		// The one that a VM stands behind, where the state was lost.
		const adopted = found.find((group) => group.instance_count > 0) ?? found[0];
		for (const group of found)
			if (group.id !== adopted?.id && group.instance_count === 0)
				await context.vultr.deleteFirewallGroup(group.id);
		const id =
			adopted?.id ??
			(await context.vultr.createFirewallGroup(
				description,
				async () => (await closedGroups(context, description))[0]?.id,
			));
		return { id, state: { description } };
	},

	async read(context, id) {
		const found = await context.vultr.firewallGroup(id);
		if (found && found.rule_count > 0)
			context.report.warn(messages.firewallOpen(id, found.rule_count));
		return found && { description: found.description };
	},

	async update(context, id, _state, { description }) {
		await context.vultr.renameFirewallGroup(id, description);
		return { description };
	},

	async delete(context, id) {
		await context.vultr.deleteFirewallGroup(id);
	},
};

async function closedGroups(
	{ vultr }: Context,
	description: string,
): Promise<FirewallGroup[]> {
	const groups = await vultr.firewallGroups(description);
	return groups.filter((group) => group.rule_count === 0);
}
