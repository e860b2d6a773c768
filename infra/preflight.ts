import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import { ProgramError } from "./errors.ts";
import type { Platform } from "./platforms/platform.ts";
import { B2 } from "./provider/clients/b2.ts";
import { Registry } from "./provider/clients/registry.ts";
import { type Policy, Tailscale } from "./provider/clients/tailscale.ts";
import { Vultr } from "./provider/clients/vultr.ts";
import { ProviderError } from "./provider/errors.ts";
import { defaultPolicy, Http } from "./provider/http.ts";
import type { Settings } from "./settings.ts";

/** What a check found: a fault stops `up`, a warning is said and passed over. */
export interface Finding {
	readonly severity: "fault" | "warning";
	readonly text: string;
}

/** What preflight learned on its way. */
export interface Facts {
	/** US dollars a month of the plan. */
	readonly monthlyPrice: number;
}

const deadline = 60_000;
/** What the operator's B2 key must be able to do: make the bucket, its rules, the host's key, and the claims in it. */
const operatorCapabilities = [
	"listBuckets",
	"writeBuckets",
	"listKeys",
	"writeKeys",
	"deleteKeys",
	"listFiles",
	"readFiles",
	"writeFiles",
];

const fault = (text: string): Finding => ({ severity: "fault", text });
const warning = (text: string): Finding => ({ severity: "warning", text });

/**
 * Asks every cloud, reading only, whether what comes next can succeed. Everything that is wrong is said at once.
 * @throws ProgramError `preflight-failed`
 */
export async function preflight(
	platform: Platform,
	settings: Settings,
	warn: (text: string) => void,
): Promise<Facts> {
	const http = new Http(AbortSignal.timeout(deadline), {
		...defaultPolicy,
		deadline,
	});
	const vultr = new Vultr(http, process.env);
	const plan = readPlan(vultr, settings);
	const findings = (
		await Promise.all([
			guarded(async () =>
				planFindings(
					platform,
					settings,
					await plan,
					await isRunning(vultr, settings),
				),
			),
			guarded(() => osFindings(vultr, settings)),
			guarded(() => backblazeFindings(new B2(http, process.env))),
			guarded(() =>
				tailnetFindings(new Tailscale(http, process.env), settings),
			),
			guarded(() => imageFindings(new Registry(http), platform, settings)),
			guarded(() => localTailscaleFindings()),
		])
	).flat();
	for (const { severity, text } of findings)
		if (severity === "warning") warn(text);
	const faults = findings.filter(({ severity }) => severity === "fault");
	if (faults.length > 0)
		throw new ProgramError(
			"preflight-failed",
			[
				"Nothing was changed, because this would not have succeeded:",
				...faults.map(({ text }) => `  ${text}`),
			].join("\n"),
		);
	return { monthlyPrice: (await plan)?.monthly_cost ?? 0 };
}

/** A cloud that cannot be asked is a finding, not a crash; the client's own sentence says what to do. */
async function guarded(check: () => Promise<Finding[]>): Promise<Finding[]> {
	try {
		return await check();
	} catch (error) {
		if (error instanceof ProviderError) return [fault(error.message)];
		throw error;
	}
}

type Plan = Awaited<ReturnType<Vultr["plans"]>>[number];

async function readPlan(
	vultr: Vultr,
	{ plan }: Settings,
): Promise<Plan | undefined> {
	return (await vultr.plans()).find(({ id }) => id === plan);
}

/** Whether a VM of this stack exists: its plan may be sold out without harm. */
async function isRunning(vultr: Vultr, { bucket }: Settings): Promise<boolean> {
	return (await vultr.instancesTagged(`bucket:${bucket}`)).length > 0;
}

/** Judges plan and region. */
export function planFindings(
	{ memoryMiB }: Pick<Platform, "memoryMiB">,
	{ plan: id, region }: Pick<Settings, "plan" | "region">,
	plan: Pick<Plan, "ram" | "locations"> | undefined,
	running: boolean,
): Finding[] {
	if (plan === undefined)
		return [
			fault(
				`plan: Vultr has no plan "${id}"; choose one with at least ${memoryMiB} MiB of memory: pulumi config set plan vc2-2c-4gb.`,
			),
		];
	const findings: Finding[] = [];
	if (plan.ram < memoryMiB)
		findings.push(
			fault(
				`plan: "${id}" has ${plan.ram} MiB of memory, the agent needs ${memoryMiB}: pulumi config set plan vc2-2c-4gb.`,
			),
		);
	if (!plan.locations.includes(region))
		findings.push(
			(running ? warning : fault)(
				`region: plan "${id}" is not to be had in "${region}" at this moment; it is in ${plan.locations.join(", ") || "no region"}: pulumi config set region <one of them>.`,
			),
		);
	return findings;
}

async function osFindings(
	vultr: Vultr,
	{ osId }: Settings,
): Promise<Finding[]> {
	const systems = await vultr.operatingSystems();
	const os = systems.find(({ id }) => id === osId);
	if (os?.name.includes("CoreOS")) return [];
	const coreOs = systems.filter(({ name }) => name.includes("CoreOS"));
	return [
		fault(
			`osId: ${osId} is ${os ? `"${os.name}"` : "unknown to Vultr"}, it must be a Fedora CoreOS: ${coreOs.map(({ id, name }) => `pulumi config set osId ${id} (${name})`).join(" or ")}.`,
		),
	];
}

async function backblazeFindings(b2: B2): Promise<Finding[]> {
	const { capabilities, bucketName } = await b2.rights();
	const missing = operatorCapabilities.filter((c) => !capabilities.includes(c));
	const findings: Finding[] = [];
	if (missing.length > 0)
		findings.push(
			fault(
				`Backblaze: the key in B2_APPLICATION_KEY_ID lacks ${missing.join(", ")}; make one with them, or use the master key.`,
			),
		);
	if (bucketName !== undefined)
		findings.push(
			fault(
				`Backblaze: the key in B2_APPLICATION_KEY_ID is for bucket "${bucketName}" alone and cannot make keys for the host; use one for all buckets.`,
			),
		);
	return findings;
}

async function tailnetFindings(
	tailscale: Tailscale,
	{ hostname, tag }: Settings,
): Promise<Finding[]> {
	const findings: Finding[] = [];
	for (const device of await tailscale.devices())
		if (
			device.hostname === hostname &&
			device.online &&
			!device.tags.includes(tag)
		)
			findings.push(
				fault(
					`hostname: "${hostname}" is the live device ${device.fqdn} of ${device.user || "somebody else"}; choose another name: pulumi config set hostname <name>.`,
				),
			);
	try {
		findings.push(...policyFindings(await tailscale.policy(), tag));
	} catch (error) {
		if (!(error instanceof ProviderError) || error.code !== "not_allowed")
			throw error;
		findings.push(
			warning(
				`Tailscale: this credential may not read the tailnet policy; make sure that it has ${policyLines(tag)}`,
			),
		);
	}
	return findings;
}

function policyLines(tag: string): string {
	return `"tagOwners": {"${tag}": ["autogroup:admin"]}, "grants": [{"src": ["autogroup:admin"], "dst": ["${tag}"], "ip": ["tcp:22"]}], "ssh": [{"action": "accept", "src": ["autogroup:admin"], "dst": ["${tag}"], "users": ["core"]}].`;
}

/** Judges the tailnet policy: the tag exists, and somebody is let in as `core` without being asked again. */
export function policyFindings(policy: Policy, tag: string): Finding[] {
	const findings: Finding[] = [];
	if (!Object.hasOwn(policy.tagOwners ?? {}, tag))
		findings.push(
			fault(
				`Tailscale: the tailnet policy has no owner for ${tag}; it needs ${policyLines(tag)}`,
			),
		);
	const rule = z.looseObject({
		action: z.literal("accept"),
		dst: z.array(z.string()),
		users: z.array(z.string()),
	});
	const admits = (policy.ssh ?? []).some((entry) => {
		const { success, data } = rule.safeParse(entry);
		return success && data.dst.includes(tag) && data.users.includes("core");
	});
	if (!admits)
		findings.push(
			fault(
				`Tailscale: no SSH rule of the tailnet policy accepts user core on ${tag} ("check" asks a person, and up has none); it needs ${policyLines(tag)}`,
			),
		);
	return findings;
}

async function imageFindings(
	registry: Registry,
	platform: Platform,
	settings: Settings,
): Promise<Finding[]> {
	const images = { os: settings.osImage, ...platform.images(settings) };
	const findings = await Promise.all(
		Object.entries(images).map(async ([name, image]) =>
			(await registry.exists(image))
				? []
				: [
						fault(
							`${name}Image: the registry has no ${image}; push it, or name a digest that is there: pulumi config set ${name}Image <registry>/<name>@sha256:<digest>.`,
						),
					],
		),
	);
	return findings.flat();
}

const statusSchema = z.looseObject({ BackendState: z.string() });

/** Only a warning: what needs the tailnet fails by itself, and a plain `up` without a change works off it. */
async function localTailscaleFindings(): Promise<Finding[]> {
	try {
		const { stdout } = await promisify(execFile)(
			"tailscale",
			["status", "--json", "--peers=false"],
			{ timeout: 10_000 },
		);
		const { BackendState } = statusSchema.parse(JSON.parse(stdout));
		if (BackendState === "Running") return [];
		return [
			warning(
				`Tailscale on this machine is "${BackendState}"; a new host cannot be reached until \`tailscale up\` has been run here.`,
			),
		];
	} catch {
		return [
			warning(
				"Tailscale does not answer on this machine (`tailscale status`); install and start it, or a new host cannot be reached from here.",
			),
		];
	}
}
