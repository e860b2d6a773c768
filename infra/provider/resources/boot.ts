import type { Device } from "../clients/tailscale.ts";
import { isStopped } from "../clients/vultr.ts";
import { ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import { type BeaconReport, beaconSchema, bornName } from "../objects.ts";
import { type Context, type Resource, until } from "../resource.ts";
import type { bootShape, Inputs } from "../shapes.ts";
import { findDevice, isUnreachable, onHost } from "./host.ts";

type Shape = typeof bootShape;

/** What a unit reports in the end that systemd starts no more. */
const gaveUp = "failed";

/** What is known of a host that nobody can look into. */
interface Stage {
	readonly name: string;
	readonly unit: string | undefined;
	readonly lines: readonly string[];
}

/**
 * Safe against interruption: it only waits, and says at the end that the host was born, which is true as often as it
 * is said.
 */
export const boot: Resource<Shape> = {
	async create(context, inputs) {
		const deadline = performance.now() + inputs.deadlineSeconds * 1000;
		const device = await joined(context, inputs, deadline);
		await letIn(context, inputs, device, deadline);
		await context.b2.upload(
			inputs.bucketId,
			bornName(inputs.generation),
			JSON.stringify({ hostname: inputs.hostname, deviceId: device.id }),
		);
		return {
			id: device.id,
			state: {
				...inputs,
				deviceId: device.id,
				address: device.address,
				fqdn: device.fqdn,
			},
		};
	},
};

/** Waits for the host's device, telling the stages before it from the beacon, Vultr and Tailscale alone. */
async function joined(
	context: Context,
	inputs: Inputs<Shape>,
	deadline: number,
): Promise<Device> {
	const { hostname, generation } = inputs;
	let shown = "";
	let stage: Stage = { name: "order", unit: undefined, lines: [] };
	return until(context, `waiting for ${hostname} to join`, async () => {
		const device = await findDevice(context, hostname, inputs.tag);
		if (device?.online) return device;
		const report = await lastReport(context, inputs);
		const ours = report?.generation === generation ? report : undefined;
		if (ours)
			stage = {
				name: stageName(ours),
				unit: ours.unit ?? undefined,
				lines: ours.lines,
			};
		else stage = { ...stage, name: await vmStage(context, inputs) };
		if (ours?.stage === gaveUp)
			throw new ProviderError(
				"boot_failed",
				messages.bootFailed(hostname, stage.name, stage.unit, stage.lines),
			);
		if (performance.now() > deadline)
			throw new ProviderError(
				"boot_failed",
				messages.bootSlow(
					hostname,
					inputs.deadlineSeconds,
					stage.name,
					stage.unit,
					stage.lines,
				),
			);
		const line = messages.bootStage(stage.name, stage.unit ?? "");
		if (line !== shown) context.report.info(line);
		shown = line;
		return undefined;
	});
}

/** A unit that gave up says so in place of its stage, whose name it bears. */
function stageName({ stage, unit }: BeaconReport): string {
	return stage === gaveUp && unit ? unit.replace(/\.service$/, "") : stage;
}

function lastReport(
	{ b2 }: Context,
	{ bucketName, beaconObject }: Inputs<Shape>,
): Promise<BeaconReport | undefined> {
	return b2.download(bucketName, beaconObject, beaconSchema);
}

/** The stage as the VM's owner sees it, before the host has said a word. */
async function vmStage(
	{ vultr }: Context,
	{ instanceId, hostname }: Inputs<Shape>,
): Promise<string> {
	const vm = await vultr.instance(instanceId);
	if (!vm)
		throw new ProviderError(
			"boot_failed",
			messages.bootVanished(hostname, instanceId),
		);
	if (isStopped(vm))
		throw new ProviderError(
			"boot_failed",
			messages.bootStopped(hostname, instanceId),
		);
	return vm.power_status === "running" ? "power-on" : "order";
}

/** Waits until the host lets us in: its SSH server comes a moment after its name. */
async function letIn(
	context: Context,
	{ hostname }: Inputs<Shape>,
	{ address }: Device,
	deadline: number,
): Promise<void> {
	context.report.info(messages.bootStage("joined", address));
	try {
		await onHost(context, address, (session) =>
			session.run({
				command: "true",
				deadline: Math.max(
					1000,
					Math.min(30_000, deadline - performance.now()),
				),
				doing: "opening the first shell",
			}),
		);
	} catch (error) {
		if (!isUnreachable(error)) throw error;
		throw new ProviderError(
			error.code,
			messages.bootNoSsh(hostname, address, error.message),
		);
	}
}
