import { isStopped, type VultrInstance } from "../clients/vultr.ts";
import { HalfMadeError, ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import { type Context, type Resource, until } from "../resource.ts";
import type { Inputs, instanceShape, State } from "../shapes.ts";
import { bucketTag, generationOf, tagsOf } from "../tags.ts";
import { isBorn } from "./generation.ts";

type Shape = typeof instanceShape;

/** How long Vultr may take to start or to delete a VM. */
const startMilliseconds = 900_000;
const deleteMilliseconds = 300_000;
/** A VM that was just ordered may be unknown to the next read. */
const appearMilliseconds = 60_000;

/**
 * Safe against interruption: a VM carries bucket and generation in its tags from its first moment, so one whose order
 * was answered to nobody is found and adopted.
 */
export const instance: Resource<Shape> = {
	async create(context, inputs) {
		const found = await existing(context, inputs);
		const id = found?.id ?? (await order(context, inputs));
		try {
			if (found) await settle(context, found, inputs);
			return { id, state: await started(context, id, inputs) };
		} catch (error) {
			// It exists and is billed: the state must know it.
			if (!(error instanceof ProviderError)) throw error;
			throw new HalfMadeError(error, id, {
				...inputs,
				mainIp: "",
				v6MainIp: "",
				dateCreated: "",
			});
		}
	},

	async read(context, id, state) {
		const found = await context.vultr.instance(id);
		return found && stateOf(found, state);
	},

	async update(context, id, state, inputs) {
		const { label, firewallGroupId } = state;
		const vm = { id, label, firewall_group_id: firewallGroupId };
		await settle(context, vm, inputs);
		return started(context, id, inputs);
	},

	async delete(context, id) {
		if (!(await context.vultr.deleteInstance(id)))
			context.report.info(messages.instanceGone(id));
		await gone(context, id);
	},
};

/** The VM of an interrupted run, after what is older and was never born has been removed. */
async function existing(
	context: Context,
	inputs: Inputs<Shape>,
): Promise<VultrInstance | undefined> {
	const { bucketName, generation } = inputs;
	const vms = await context.vultr.instancesTagged(bucketTag(bucketName));
	const ours: VultrInstance[] = [];
	for (const vm of vms) {
		const theirs = generationOf(vm.tags);
		if (theirs === generation) {
			ours.push(vm);
			continue;
		}
		if (
			theirs === undefined ||
			theirs > generation ||
			(await isBorn(context, bucketName, theirs))
		)
			throw new ProviderError(
				"instance_lost_from_state",
				messages.instanceLost(vm.id, theirs, generation),
			);
		await discard(context, vm);
	}
	const born = await isBorn(context, bucketName, generation);
	const [first, ...others] = ours;
	if (!first) {
		if (born)
			throw new ProviderError(
				"generation_used_up",
				messages.generationUsedUp(generation),
			);
		return undefined;
	}
	if (born && others.length > 0)
		throw new ProviderError(
			"instance_lost_from_state",
			messages.instanceMany(
				ours.map(({ id }) => id),
				generation,
			),
		);
	for (const vm of others) await discard(context, vm);
	context.report.info(messages.instanceAdopted(first.id));
	return first;
}

/** Brings what can be changed in place to what is wanted; sends only what differs. */
async function settle(
	context: Context,
	vm: Pick<VultrInstance, "id" | "label" | "firewall_group_id">,
	{ label, firewallGroupId }: Inputs<Shape>,
): Promise<void> {
	const change = {
		...(vm.label === label ? {} : { label }),
		...(vm.firewall_group_id === firewallGroupId
			? {}
			: { firewall_group_id: firewallGroupId }),
	};
	if (Object.keys(change).length > 0)
		await context.vultr.updateInstance(vm.id, change);
}

async function discard(context: Context, vm: VultrInstance): Promise<void> {
	context.report.info(messages.instanceLeftover(vm.id, generationOf(vm.tags)));
	await context.vultr.deleteInstance(vm.id);
	await gone(context, vm.id);
}

function order({ vultr }: Context, inputs: Inputs<Shape>): Promise<string> {
	const tags = tagsOf(inputs.bucketName, inputs.generation);
	return vultr.createInstance(
		{
			region: inputs.region,
			plan: inputs.plan,
			os_id: inputs.osId,
			label: inputs.label,
			hostname: inputs.hostname,
			tags,
			firewall_group_id: inputs.firewallGroupId,
			enable_ipv6: inputs.enableIpv6,
			user_data: Buffer.from(inputs.userData).toString("base64"),
			backups: "disabled",
			activation_email: false,
		},
		async () => {
			const found = await vultr.instancesTagged(bucketTag(inputs.bucketName));
			return found.find((vm) => generationOf(vm.tags) === inputs.generation)
				?.id;
		},
		{ invalid_request: messages.instanceRefused(inputs.plan, inputs.region) },
	);
}

/** Waits until Vultr says that the VM runs. */
async function started(
	context: Context,
	id: string,
	inputs: Inputs<Shape>,
): Promise<State<Shape>> {
	const begin = performance.now();
	let seen = false;
	return until(context, `waiting for the VM ${id} to run`, async () => {
		const vm = await context.vultr.instance(id);
		const elapsed = performance.now() - begin;
		if (!vm) {
			if (!seen && elapsed < appearMilliseconds) return undefined;
			throw new ProviderError("instance_failed", messages.instanceVanished(id));
		}
		seen = true;
		if (vm.status === "active" && vm.power_status === "running")
			return stateOf(vm, inputs);
		// A VM that runs no more was stopped by hand or for a bill: waiting does not start it.
		if (isStopped(vm))
			throw new ProviderError("instance_failed", messages.instanceStopped(id));
		context.report.status(
			messages.instanceStarting(vm.status, vm.power_status),
		);
		if (elapsed > startMilliseconds)
			throw new ProviderError(
				"timeout",
				messages.instanceSlow(
					id,
					vm.status,
					vm.power_status,
					startMilliseconds / 1000,
				),
			);
		return undefined;
	});
}

/** Waits until nothing is billed and nothing runs twice. */
async function gone(context: Context, id: string): Promise<void> {
	const deadline = performance.now() + deleteMilliseconds;
	await until(context, `waiting for the VM ${id} to disappear`, async () => {
		if (!(await context.vultr.instance(id))) return true;
		if (performance.now() > deadline)
			throw new ProviderError(
				"timeout",
				messages.instanceNotDeleted(id, deleteMilliseconds / 1000),
			);
		return undefined;
	});
}

/** Inputs as they are at Vultr, so that an adopted or changed VM shows its differences. */
function stateOf(vm: VultrInstance, known: Inputs<Shape>): State<Shape> {
	return {
		region: vm.region,
		plan: vm.plan,
		osId: vm.os_id,
		label: vm.label,
		hostname: vm.hostname,
		bucketName: known.bucketName,
		generation: known.generation,
		firewallGroupId: vm.firewall_group_id,
		enableIpv6: known.enableIpv6,
		userData: known.userData,
		fingerprint: known.fingerprint,
		mainIp: vm.main_ip,
		v6MainIp: vm.v6_main_ip,
		dateCreated: vm.date_created,
	};
}
