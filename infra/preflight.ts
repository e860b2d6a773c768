import { ProgramError } from "./errors.ts";
import type { Platform } from "./platforms/platform.ts";
import { backblazeFindings } from "./preflight/backblaze.ts";
import { type Finding, guarded } from "./preflight/finding.ts";
import { imageFindings } from "./preflight/images.ts";
import { askOnepassword } from "./preflight/onepassword.ts";
import { tailnetFindings } from "./preflight/tailnet.ts";
import { texts } from "./preflight/texts.ts";
import { askVultr } from "./preflight/vultr.ts";
import { B2 } from "./provider/clients/b2.ts";
import { Registry } from "./provider/clients/registry.ts";
import { Tailscale } from "./provider/clients/tailscale.ts";
import { Vultr } from "./provider/clients/vultr.ts";
import type { Environment } from "./provider/environment.ts";
import { defaultPolicy, Http } from "./provider/http.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings.ts";

export { policyFindings } from "./preflight/policy.ts";
export { planFindings } from "./preflight/vultr.ts";

/** What preflight learned on its way. */
export interface Facts {
	/** US dollars a month of the plan. */
	readonly monthlyPrice: number;
	/** Why Vultr would refuse a new VM at this moment, where it would. */
	readonly noNewVm: string | undefined;
	/** Where the host's secrets are. */
	readonly secrets: Secrets;
}

/** The same, before anything was judged. */
interface Inspection extends Omit<Facts, "secrets"> {
	readonly findings: readonly Finding[];
	readonly secrets: Secrets | undefined;
}

const deadline = 60_000;

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
	const { findings, secrets, ...facts } = await inspect(
		platform,
		settings,
		http,
		process.env,
	);
	const said = (severity: Finding["severity"]) =>
		findings
			.filter((finding) => finding.severity === severity)
			.map(({ text }) => text);
	for (const text of said("warning")) warn(text);
	const faults = said("fault");
	if (faults.length > 0 || !secrets)
		throw new ProgramError("preflight-failed", texts.failed(faults));
	return { ...facts, secrets };
}

/** All checks at once; credentials come from `env`. */
export async function inspect(
	platform: Platform,
	settings: Settings,
	http: Http,
	env: Environment,
): Promise<Inspection> {
	const vultr = askVultr(new Vultr(http, env), platform, settings);
	const running = vultr.then((report) => report.running);
	let secrets: Secrets | undefined;
	const [{ findings, monthlyPrice, noNewVm }, ...others] = await Promise.all([
		vultr,
		guarded(async () => {
			const report = await askOnepassword(http, env, platform, settings);
			secrets = report.secrets;
			return report.findings;
		}),
		guarded(() => backblazeFindings(new B2(http, env), settings)),
		tailnetFindings(new Tailscale(http, env), settings, running, env),
		imageFindings(new Registry(http), platform, settings),
	]);
	const all = [...findings, ...others.flat()];
	// What several checks stumble over is said once.
	const once = new Map(all.map((finding) => [finding.text, finding]));
	return { monthlyPrice, noNewVm, secrets, findings: [...once.values()] };
}
