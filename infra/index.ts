import { deliver, runningImages } from "./delivery.ts";
import { Host } from "./host.ts";
import { moltbot as platform } from "./platforms/moltbot.ts";
import { preflight } from "./preflight.ts";
import { Plugin } from "./provider/sdk.ts";
import * as pulumi from "./pulumi.ts";
import { plainStacks, silenceSdk } from "./quiet.ts";
import { parseSettings } from "./settings.ts";

silenceSdk();
plainStacks();
const settings = parseSettings(pulumi.allConfig());
// It starts while the clouds are asked.
const plugin = new Plugin("own");
const facts = await preflight(platform, settings, (text) => {
	void pulumi.log.warn(text);
});
const host = new Host(platform, settings, facts, plugin);
const readiness = deliver(platform, settings, host, facts.secrets);

/** Name of the host. */
export const hostname = settings.hostname;
/** Its address on the tailnet. */
export const address = host.boot.address;
/** Opens a shell on it. */
export const shell = `tailscale ssh core@${settings.hostname}`;
/** Lists who wants to talk to the agent, and admits them. */
export const pairing = `${shell} ${platform.pairingCommand} list`;
/** Where the backups are. */
export const bucket = host.bucket.name;
/** US dollars a month: the VM while it runs; while paused only what the bucket holds beyond Backblaze's free 10 GB. */
export const price = { running: facts.monthlyPrice, paused: 0 };
/** What runs on the host, by digest; a new operating system runs after its next reboot. */
export const images = readiness.summary.apply((summary) =>
	runningImages(platform, settings, summary),
);
/** When the agent was last seen ready. */
export const readyAt = readiness.readyAt;
