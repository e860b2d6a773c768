/** Every sentence of the preflight, in one place: what is wrong, and what mends it. */
import { minimumOp } from "../provider/messages.ts";
import type { Settings } from "../settings.ts";

const list = (names: readonly string[]) => names.join(", ");

export const texts = {
	failed: (faults: readonly string[]) =>
		[
			"Nothing was changed, because this would not have succeeded:",
			...faults.map((text) => `  ${text}`),
		].join("\n"),

	vultrRights: (missing: readonly string[]) =>
		`Vultr: the key in VULTR_API_KEY does not show the right to ${list(missing)}; give it to its user at https://my.vultr.com/users, or make a key of an account that has it.`,
	planUnknown: (id: string, memoryMiB: number) =>
		`plan: Vultr has no plan "${id}"; choose one with at least ${memoryMiB} MiB of memory: pulumi config set plan vc2-2c-4gb.`,
	planSmall: (id: string, ram: number, memoryMiB: number) =>
		`plan: "${id}" has ${ram} MiB of memory, the agent needs ${memoryMiB}: pulumi config set plan vc2-2c-4gb.`,
	regionUnknown: (id: string, known: readonly string[]) =>
		`region: Vultr has no region "${id}"; it has ${list(known)}: pulumi config set region <one of them>.`,
	soldOut: (id: string, region: string, there: readonly string[]) =>
		`region: plan "${id}" is not to be had in "${region}" at this moment; Vultr sells it in ${list(there) || "no region"}: pulumi config set region <one of them>, or pulumi config set plan <another plan>.`,
	osWrong: (
		osId: number,
		name: string | undefined,
		fitting: readonly { id: number; name: string }[],
	) =>
		`osId: ${osId} is ${name === undefined ? "unknown to Vultr" : `"${name}"`}, it must be a Fedora CoreOS: ${fitting.map((os) => `pulumi config set osId ${os.id} (${os.name})`).join(" or ")}.`,

	b2Rights: (missing: readonly string[]) =>
		`Backblaze: the key in B2_APPLICATION_KEY_ID lacks ${list(missing)}; make one with them, or use the master key.`,
	b2OneBucket: (bucket: string) =>
		`Backblaze: the key in B2_APPLICATION_KEY_ID is for bucket "${bucket}" alone and cannot make keys for the host; use one for all buckets.`,
	b2Prefix: (prefix: string) =>
		`Backblaze: the key in B2_APPLICATION_KEY_ID is for file names that begin with "${prefix}" and cannot claim a generation; use one without a prefix.`,

	nameOfOther: (hostname: string, device: string, user: string) =>
		`hostname: "${hostname}" is the live device ${device} of ${user || "somebody else"}; choose another name: pulumi config set hostname <name>.`,
	nameOfOtherStack: (hostname: string, device: string, tag: string) =>
		`hostname: "${hostname}" is the live device ${device} with ${tag}, and this stack has no VM, so it is the host of another stack; choose another name: pulumi config set hostname <name> (if its VM was deleted a moment ago, wait until \`tailscale status\` shows it offline).`,
	policyHidden: (lines: string) =>
		`Tailscale: this credential may not read the tailnet policy (scope policy_file:read); make sure that it has ${lines}`,
	noOwner: (tag: string, lines: string) =>
		`Tailscale: the tailnet policy has no owner for ${tag}; it needs ${lines}`,
	noGrant: (tag: string, lines: string) =>
		`Tailscale: no grant of the tailnet policy lets anybody reach tcp:22 of ${tag}; it needs ${lines}`,
	noSshRule: (tag: string, lines: string) =>
		`Tailscale: no SSH rule of the tailnet policy accepts user core on ${tag} ("check" asks a person, and up has none); it needs ${lines}`,

	localMissing: () =>
		"Tailscale does not answer on this machine (`tailscale status`); install and start it (https://tailscale.com/download), or a new host cannot be reached from here.",
	localState: (state: string) =>
		`Tailscale on this machine is "${state}"; a new host cannot be reached until \`tailscale up\` has been run here.`,
	localOtherTailnet: (here: string, theirs: string) =>
		`Tailscale on this machine is "${here}", which is no device of the tailnet that the Tailscale credential opens (${theirs}); log in to that one (\`tailscale login\`) or set TAILSCALE_TAILNET and a credential of this one, or a new host cannot be reached from here.`,

	baseMissing: (name: string, base: string) =>
		`${name}Image is not set, so the host builds it; but the registry has no ${base}, which images/${name}/Containerfile builds on. Name a base there that exists, or an image that is built already: pulumi config set ${name}Image <registry>/<name>@sha256:<digest>.`,
	imageMissing: (name: string, image: string) =>
		`${name}Image: the registry has no ${image}; push it, or name a digest that is there: pulumi config set ${name}Image <registry>/<name>@sha256:<digest>.`,

	vaultMissing: (vault: string, seen: readonly string[]) =>
		`operatorVault: 1Password shows this credential no vault "${vault}" (it shows ${list(seen) || "none"}); grant it that vault, or name another one: pulumi config set operatorVault <name>.`,
	vaultTwice: (vault: string, count: number) =>
		`operatorVault: 1Password shows this credential ${count} vaults named "${vault}"; rename all but one.`,
	itemMissing: (key: keyof Settings, title: string, vault: string) =>
		`${key}: the vault "${vault}" has no item "${title}"; make it, or name another one: pulumi config set ${key} <title>.`,
	itemTwice: (key: keyof Settings, title: string, count: number) =>
		`${key}: the operator's vault has ${count} items titled "${title}"; rename all but one.`,
	itemEmpty: (key: keyof Settings, title: string) =>
		`${key}: the item "${title}" has neither a credential nor a password; put the secret into the field "credential" of an API Credential item, or "password" of a Password item.`,
	itemLines: (key: keyof Settings, title: string) =>
		`${key}: the secret in the item "${title}" has several lines or control characters, and a secret is one line of text; paste it again without them.`,
	agentTokenRefused: (title: string) =>
		`agentTokenItem: 1Password does not accept the token in "${title}"; make a new one for the agent's service account and put it there.`,
	agentTokenIsOurs: (title: string) =>
		`agentTokenItem: the token in "${title}" is the operator's own; make a service account for the agent that sees only its vault, and put its token there.`,
	agentSeesOperator: (title: string, vault: string) =>
		`agentTokenItem: the token in "${title}" opens the vault "${vault}" with the backup password and every other secret of the operator; take that vault from the agent's service account (to permit it all the same: pulumi config set sharedVault agent-can-read-operator-secrets).`,
	agentLacksVault: (title: string, vault: string) =>
		`agentVault: the token in "${title}" does not open the vault "${vault}"; grant it to the agent's service account, or name another one: pulumi config set agentVault <name>.`,
	agentUnchecked: () =>
		`1Password: whether the agent's token opens the operator's vault cannot be checked without the command line tool; install 1Password CLI ${minimumOp} or newer, or check it at https://my.1password.com.`,
};
