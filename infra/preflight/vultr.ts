import type { Platform } from "../platforms/platform.ts";
import type { Vultr } from "../provider/clients/vultr.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fault, guarded, warning } from "./finding.ts";
import { texts } from "./texts.ts";

type Plan = Awaited<ReturnType<Vultr["plans"]>>[number];

/** Rights of an API key without which no VM can be made, as the account shows them. */
const rights = ["provisioning", "subscriptions"];
/** Not every list of Vultr's rights has this one, so that its absence proves nothing. */
const firewallRight = "firewall";

/** What Vultr tells before anything is made. */
export interface VultrReport {
	readonly findings: readonly Finding[];
	/** US dollars a month of the plan. */
	readonly monthlyPrice: number;
	/** Whether a VM of this stack exists; undefined where that could not be asked. */
	readonly running: boolean | undefined;
	/** Why Vultr would refuse a new VM at this moment, where it would. */
	readonly noNewVm: string | undefined;
}

/** Key, rights, plan, capacity and operating system. */
export async function askVultr(
	vultr: Vultr,
	platform: Platform,
	settings: Settings,
): Promise<VultrReport> {
	let running: boolean | undefined;
	let plan: Plan | undefined;
	let noNewVm: string | undefined;
	const access = guarded(async () => {
		const { acls } = await vultr.account();
		const missing = rights.filter((right) => !acls.includes(right));
		// An account that lists no rights at all tells nothing about them.
		if (acls.length > 0 && missing.length > 0)
			return [fault(texts.vultrRights(missing))];
		const findings =
			acls.length === 0 || acls.includes(firewallRight)
				? []
				: [warning(texts.vultrRights([firewallRight]))];
		const tag = `bucket:${settings.bucket}`;
		running = (await vultr.instancesTagged(tag)).length > 0;
		return findings;
	});
	const offer = guarded(async () => {
		const [plans, regions] = await Promise.all([
			vultr.plans(),
			vultr.regions(),
		]);
		plan = plans.find(({ id }) => id === settings.plan);
		if (!regions.some(({ id }) => id === settings.region))
			return [
				fault(
					texts.regionUnknown(
						settings.region,
						regions.map(({ id }) => id),
					),
				),
			];
		const available = await vultr.availablePlans(settings.region);
		noNewVm = plan && soldOut(settings, plan, available);
		await access;
		return planFindings(platform, settings, plan, available, running ?? false);
	});
	const system = guarded(async () =>
		osFindings(settings, await vultr.operatingSystems()),
	);
	const findings = (await Promise.all([access, offer, system])).flat();
	return { findings, monthlyPrice: plan?.monthly_cost ?? 0, running, noNewVm };
}

/**
 * Judges plan and region. What is sold out is a fault for a new VM only.
 *
 * @param available ids of the plans that can be ordered in the region at this moment
 */
export function planFindings(
	{ memoryMiB }: Pick<Platform, "memoryMiB">,
	{ plan: id, region }: Pick<Settings, "plan" | "region">,
	plan: Pick<Plan, "ram" | "locations"> | undefined,
	available: readonly string[],
	running: boolean,
): Finding[] {
	if (plan === undefined) return [fault(texts.planUnknown(id, memoryMiB))];
	const findings: Finding[] = [];
	if (plan.ram < memoryMiB)
		findings.push(fault(texts.planSmall(id, plan.ram, memoryMiB)));
	const text = soldOut({ plan: id, region }, plan, available);
	if (text !== undefined) findings.push(running ? warning(text) : fault(text));
	return findings;
}

/** Why a new VM of this plan cannot be had in the region; undefined where it can. */
function soldOut(
	{ plan: id, region }: Pick<Settings, "plan" | "region">,
	{ locations }: Pick<Plan, "locations">,
	available: readonly string[],
): string | undefined {
	return locations.includes(region) && available.includes(id)
		? undefined
		: texts.soldOut(id, region, locations);
}

/** Judges the operating system of the first boot. */
export function osFindings(
	{ osId }: Pick<Settings, "osId">,
	systems: readonly { id: number; name: string }[],
): Finding[] {
	const isCoreOs = ({ name }: { name: string }) => name.includes("CoreOS");
	const os = systems.find(({ id }) => id === osId);
	if (os && isCoreOs(os)) return [];
	return [fault(texts.osWrong(osId, os?.name, systems.filter(isCoreOs)))];
}
