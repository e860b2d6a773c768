import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import type { Device, Tailscale } from "../provider/clients/tailscale.ts";
import type { Environment } from "../provider/environment.ts";
import { isApiError } from "../provider/errors.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fault, guarded, warning } from "./finding.ts";
import { policyFindings, policyLines } from "./policy.ts";
import { texts } from "./texts.ts";

/**
 * Credential, host name, policy, and the operator's own side.
 *
 * @param running whether a VM of this stack exists; undefined where that is not known
 */
export async function tailnetFindings(
	tailscale: Tailscale,
	settings: Settings,
	running: Promise<boolean | undefined>,
	env: Environment,
): Promise<Finding[]> {
	let devices: readonly Device[] | undefined;
	const names = await guarded(async () => {
		devices = await tailscale.devices();
		return nameFindings(settings, devices, await running);
	});
	// One credential that is refused is one fault.
	if (!devices) return [...names, ...localFindings(await localStatus(env))];
	const theirs = devices;
	const rest = await Promise.all([
		guarded(async () => {
			await tailscale.keys();
			return [];
		}),
		// What stands in a policy that `up` is about to replace does not matter.
		settings.tailnetPolicy
			? []
			: guarded(() => readPolicy(tailscale, settings.tag)),
		localStatus(env).then((status) => localFindings(status, theirs)),
	]);
	return [...names, ...rest.flat()];
}

/** Judges whether the name of the host is free. */
export function nameFindings(
	{ hostname, tag }: Pick<Settings, "hostname" | "tag">,
	devices: readonly Pick<
		Device,
		"hostname" | "online" | "tags" | "fqdn" | "user"
	>[],
	running: boolean | undefined,
): Finding[] {
	return devices
		.filter((device) => device.hostname === hostname && device.online)
		.flatMap(({ tags, fqdn, user }) => {
			if (!tags.includes(tag))
				return [fault(texts.nameOfOther(hostname, fqdn, user))];
			return running === false
				? [fault(texts.nameOfOtherStack(hostname, fqdn, tag))]
				: [];
		});
}

async function readPolicy(
	tailscale: Tailscale,
	tag: string,
): Promise<Finding[]> {
	try {
		return policyFindings(await tailscale.policy(), tag);
	} catch (error) {
		if (!isApiError(error, "not_allowed")) throw error;
		return [warning(texts.policyHidden(policyLines(tag)))];
	}
}

const statusSchema = z.looseObject({
	BackendState: z.string(),
	Self: z.looseObject({ DNSName: z.string() }).nullish(),
});

/** How Tailscale is on this machine; undefined where it does not answer. */
export type LocalStatus = z.output<typeof statusSchema> | undefined;

async function localStatus(env: Environment): Promise<LocalStatus> {
	try {
		const { stdout } = await promisify(execFile)(
			"tailscale",
			["status", "--json", "--peers=false"],
			// Logged out, it says so and ends with an error.
			{ timeout: 10_000, env: { ...env } },
		).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? "" }));
		return statusSchema.parse(JSON.parse(stdout));
	} catch {
		return undefined;
	}
}

/** Only warnings: what needs the tailnet fails by itself, and a plain `up` without a change works off it. */
export function localFindings(
	status: LocalStatus,
	devices?: readonly Pick<Device, "fqdn">[],
): Finding[] {
	if (!status) return [warning(texts.localMissing())];
	if (status.BackendState !== "Running")
		return [warning(texts.localState(status.BackendState))];
	const here = status.Self?.DNSName.replace(/\.$/, "") ?? "";
	if (!devices || devices.some(({ fqdn }) => fqdn === here)) return [];
	const theirs = new Set(devices.map(({ fqdn }) => domainOf(fqdn)));
	const named = [...theirs].join(", ") || "without a device";
	return [warning(texts.localOtherTailnet(here, named))];
}

function domainOf(fqdn: string): string {
	return fqdn.slice(fqdn.indexOf(".") + 1);
}
