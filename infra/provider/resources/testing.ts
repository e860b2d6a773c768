/** For tests only: what several resource tests begin with. */
import type { TestContext } from "node:test";
import { bornName } from "../objects.ts";
import { startStack, type TestStack } from "../testing.ts";
import { bucket } from "./bucket.ts";

export const bucketName = "backup-test-1";
export const hostname = "moltbot";
export const tag = "tag:moltbot";

/** A stack with a bucket and a firewall group. */
export interface BegunStack extends TestStack {
	readonly bucketId: string;
	readonly firewallGroupId: string;
	/** Says that the host of a generation has lived. */
	bear(generation: number): Promise<void>;
	/** VMs that exist, by generation tag. */
	vms(): Promise<{ id: string; tags: string[]; label: string }[]>;
}

export async function begin(
	t: TestContext,
	options?: Parameters<typeof startStack>[1],
): Promise<BegunStack> {
	const stack = await startStack(t, options);
	const { id: bucketId } = await bucket.create(stack.context, {
		name: bucketName,
		retentionDays: 30,
	});
	const group = await stack.lab.call(
		"POST",
		"https://api.vultr.com/v2/firewalls",
		{
			headers: { authorization: "Bearer lab-vultr-key" },
			body: { description: "closed" },
		},
	);
	await stack.lab.control.clearRequests();
	return {
		...stack,
		bucketId,
		firewallGroupId: group.json.firewall_group.id,
		async bear(generation) {
			await stack.context.b2.upload(bucketId, bornName(generation), "{}");
		},
		vms: () => stack.context.vultr.instancesTagged(`bucket:${bucketName}`),
	};
}

/** Inputs of an instance of this stack. */
export function instanceInputs(stack: BegunStack, generation = 1) {
	return {
		region: "ewr",
		plan: "vc2-2c-4gb",
		osId: 391,
		label: hostname,
		hostname,
		bucketName,
		generation,
		firewallGroupId: stack.firewallGroupId,
		enableIpv6: true,
		userData: '{"ignition":{"version":"3.3.0"}}',
		fingerprint: "f1",
	};
}

/** Inputs of what belongs to the host of this stack's first generation, on this VM. */
export function hostInputs(stack: BegunStack, instanceId: string) {
	return {
		instanceId,
		generation: 1,
		hostname,
		tag,
		bucketName,
		bucketId: stack.bucketId,
	};
}
