import type { Device } from "../clients/tailscale.ts";
import { ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import { type Context, type Resource, until } from "../resource.ts";
import type { Inputs, tailnetNameShape } from "../shapes.ts";
import { bucketTag, generationOf } from "../tags.ts";

type Shape = typeof tailnetNameShape;

/** A device of a VM that was just switched off counts as live for a moment; Tailscale notices within this time. */
const fadingMilliseconds = 120_000;

/** Safe against interruption: it only removes devices that nobody needs, and looks for them anew each time. */
export const tailnetName: Resource<Shape> = {
	async create(context, inputs) {
		const id = `${inputs.hostname}-g${inputs.generation}`;
		// A host that was found alive keeps its device, online or not: with its one-off key used up it could not come back.
		if (!(await hostExists(context, inputs)))
			await clear(context, inputs, performance.now() + fadingMilliseconds);
		return { id, state: inputs };
	},

	async delete(context, _id, state) {
		// An old state that was put back: the name is a later host's by now.
		if (await laterHostExists(context, state)) return;
		for (const device of await ours(context, state))
			await remove(context, device);
	},
};

async function hostExists(
	context: Context,
	{ bucketName, generation }: Inputs<Shape>,
): Promise<boolean> {
	return (await generationsAlive(context, bucketName)).includes(generation);
}

async function laterHostExists(
	context: Context,
	{ bucketName, generation }: Inputs<Shape>,
): Promise<boolean> {
	const alive = await generationsAlive(context, bucketName);
	return alive.some((other) => other > generation);
}

async function generationsAlive(
	{ vultr }: Context,
	bucketName: string,
): Promise<number[]> {
	const vms = await vultr.instancesTagged(bucketTag(bucketName));
	return vms.map(({ tags }) => generationOf(tags) ?? 0);
}

/** Removes what earlier hosts left, and makes sure that nobody else uses the name. */
async function clear(
	context: Context,
	inputs: Inputs<Shape>,
	deadline: number,
): Promise<void> {
	await until(context, "waiting for the old host to go offline", async () => {
		const devices = await named(context, inputs.hostname);
		const live = devices.find(({ online }) => online);
		if (!live) {
			for (const device of devices.filter((d) => carries(d, inputs.tag)))
				await remove(context, device);
			return true;
		}
		if (carries(live, inputs.tag) && performance.now() < deadline)
			return undefined;
		throw new ProviderError(
			"name_taken",
			messages.nameTaken(
				inputs.hostname,
				live.address,
				live.tags.join(" ") || live.user || "no tag",
				inputs.tag,
			),
		);
	});
}

async function remove(context: Context, device: Device): Promise<void> {
	if (await context.tailscale.deleteDevice(device.id))
		context.report.info(messages.namePruned(device.hostname, device.id));
}

async function ours(
	context: Context,
	{ hostname, tag }: Pick<Inputs<Shape>, "hostname" | "tag">,
): Promise<Device[]> {
	const devices = await named(context, hostname);
	return devices.filter((device) => carries(device, tag));
}

async function named(
	{ tailscale }: Context,
	hostname: string,
): Promise<Device[]> {
	const devices = await tailscale.devices();
	return devices.filter((device) => device.hostname === hostname);
}

function carries(device: Device, tag: string): boolean {
	return device.tags.includes(tag);
}
