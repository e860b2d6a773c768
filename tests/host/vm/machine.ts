import type { TestContext } from "node:test";
import { sampleValues } from "../../../infra/testing.ts";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { resticImage } from "../../../lab/host/resticImage.ts";
import { vmArtefacts } from "../../../lab/host/vm/artefacts.ts";
import { VmHost } from "../../../lab/host/vm/vmHost.ts";
import type { LabImage } from "../../../lab/images/index.ts";
import { AgentHost } from "../agent/agent.ts";
import { sandboxArguments } from "../security/attackHost.ts";
import { busyboxImages } from "./busyboxImages.ts";

/** Why this machine cannot run these tests, or false. */
export const skip = hostMissing() ?? false;

/**
 * In the place of the gateway, under its name and on its conditions: it makes new processes all the time and shows by a file that it
 * could. The real one would take a translated processor minutes.
 */
const gateway = `[Unit]
ConditionPathExists=/etc/moltbot/delivery.json
ConditionPathExists=/var/lib/moltbot/.restored
[Service]
Restart=always
ExecStart=/usr/bin/podman unshare /bin/bash -c 'while :; do date +%%s%%N >/var/lib/moltbot/state/.beat; sleep 0.5; done'
`;

/**
 * A host of the product's document with a kernel of its own, after a delivery of what its backups and its sandboxes need. What happens
 * by the clock is left to the tests.
 */
export async function bootMachine(
	t: TestContext,
	memory: number,
): Promise<VmAgent> {
	const images = await busyboxImages();
	const agent = (await AgentHost.boot(t, {
		images: async () => images,
		bootSeconds: 900,
		makeHost: async (options) =>
			new VmHost({ ...options, ...(await vmArtefacts()), memory }),
	})) as VmAgent;
	const { hostSecrets } = await agent.secrets("none");
	const restic = await resticImage(agent.host.options.rootTree);
	const order = {
		version: 1,
		generation: Number(sampleValues.generation),
		hostSecrets,
		images: {
			backup: `docker.io/restic/restic@${restic.digest}`,
			sandbox: sandboxImage(images),
		},
	};
	const input = Buffer.from(JSON.stringify(order)).toString("base64");
	const unit = Buffer.from(gateway).toString("base64");
	await agent.timed("deliver", () =>
		agent.shell(
			`systemctl stop --quiet backup.timer watch.timer drill.timer egress.timer
echo ${unit} | base64 --decode >/etc/systemd/user/moltbot-gateway.service
echo ${input} | base64 --decode | /usr/local/libexec/moltbot/deliver`,
		),
	);
	return agent;
}

export type VmAgent = AgentHost & { readonly host: VmHost };

function sandboxImage(images: readonly LabImage[]): string {
	const image = images.find(({ setting }) => setting === "sandboxImage");
	if (!image) throw new Error("there is no image of a sandbox");
	return `${image.repository}@${image.digest}`;
}

/** Waits until the gateway has done something after this call. */
export async function serves(agent: AgentHost): Promise<void> {
	// In the guest, so that the answer is as young as can be.
	await agent.shell(
		`old=$(cat ${beat} 2>/dev/null); for i in $(seq 2000); do [ "$(cat ${beat} 2>/dev/null)" = "$old" ] || exit 0; sleep 0.2; done; echo "the gateway does nothing" >&2; exit 1`,
	);
}
const beat = "/var/lib/moltbot/state/.beat";

/** What the agent gives a sandbox, as options of Podman; without its folders and names. */
export const limits = sandboxArguments.filter((argument) =>
	/^--(?!name|volume|workdir|label)/.test(argument),
);

export function quote(text: string): string {
	return `'${text.replaceAll("'", `'\\''`)}'`;
}
