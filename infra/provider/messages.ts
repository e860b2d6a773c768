/** Every sentence that this provider says, in one place. */
import type { ErrorCode, Refusal } from "./errors.ts";

/** An API and the credential that opens it. */
export interface ApiName {
	readonly name: string;
	/** Environment variables that hold the credential. */
	readonly credential: string;
	/** How to get a credential that works. */
	readonly remedy: string;
	/** Rights that the credential needs. */
	readonly rights: string;
	/** Where its operator says whether it is up. */
	readonly statusPage: string;
}

export const apis = {
	vultr: {
		name: "Vultr",
		credential: "VULTR_API_KEY",
		remedy:
			"Make a key at https://my.vultr.com/settings/#settingsapi, allow the address of this machine there, and export it as VULTR_API_KEY.",
		rights:
			"manage instances and firewalls, from an address on its access list",
		statusPage: "https://status.vultr.com",
	},
	b2: {
		name: "Backblaze B2",
		credential: "B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY",
		remedy:
			"Make an application key at https://secure.backblaze.com/app_keys.htm and export both halves as B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY.",
		rights:
			"listBuckets, writeBuckets, listKeys, writeKeys, deleteKeys, listFiles, readFiles, writeFiles (with object lock also writeBucketRetentions)",
		statusPage: "https://status.backblaze.com",
	},
	tailscale: {
		name: "Tailscale",
		credential:
			"TAILSCALE_API_KEY (or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET)",
		remedy:
			"Make an API key at https://login.tailscale.com/admin/settings/keys, or an OAuth client with the scopes auth_keys and devices:core, and export it as TAILSCALE_API_KEY, or as TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET; the tailnet is TAILSCALE_TAILNET (default: the credential's own).",
		rights: "the scopes auth_keys and devices:core",
		statusPage: "https://status.tailscale.com",
	},
	connect: {
		name: "1Password Connect",
		credential: "OP_CONNECT_HOST and OP_CONNECT_TOKEN",
		remedy:
			"Make a token for the Connect server at https://my.1password.com/developer-tools, with the operator's vault, and export it as OP_CONNECT_TOKEN.",
		rights: "read the operator's vault",
		statusPage:
			"https://status.1password.com and the log of the Connect server",
	},
	registry: {
		name: "the container registry",
		credential: "no credential (public images only)",
		remedy: "Use an image that anybody may pull.",
		rights: "pull the image without a login",
		statusPage: "its status page",
	},
} as const satisfies Record<string, ApiName>;

/** The oldest 1Password CLI that reads with a service account what is needed here. */
export const minimumOp = "2.23.0";

function said(refusal: Refusal): string {
	const words = refusal.serverMessage ?? refusal.serverCode;
	return words ? `: "${words.replace(/[.\s]+$/, "")}"` : "";
}

/** Why a call failed and what to do. `doing` reads like `creating instance "moltbot"`. */
export function refused(
	api: ApiName,
	doing: string,
	code: ErrorCode,
	refusal: Refusal,
	remedy: string | undefined,
): string {
	const status = refusal.status === undefined ? "" : ` (${refusal.status})`;
	const where = `${api.name}, ${doing}`;
	switch (code) {
		case "credential_refused":
			return `${where}: the credential in ${api.credential} was not accepted${status}${said(refusal)}. ${remedy ?? api.remedy}`;
		case "not_allowed":
			return `${where}: the credential in ${api.credential} may not do this${status}${said(refusal)}. ${remedy ?? `It needs the right to ${api.rights}. ${api.remedy}`}`;
		case "not_found":
			return `${where}: not there${status}${said(refusal)}. ${remedy ?? "Run `pulumi up --refresh` if it was deleted by hand."}`;
		case "conflict":
			return `${where}: it is in use or being changed${status}${said(refusal)}. ${remedy ?? "Wait a minute and run the command again."}`;
		case "rate_limited":
			return `${where}: too many requests${status}${said(refusal)}. ${remedy ?? `Wait a few minutes and run the command again; look for other programs that use ${api.credential}.`}`;
		case "unavailable":
			return `${where}: the service failed again and again${status}${said(refusal)}. ${remedy ?? `See ${api.statusPage}, then run the command again.`}`;
		default:
			return `${where}: the request was refused${status}${said(refusal)}. ${remedy ?? "Check the settings of the stack (docs/settings.md)."}`;
	}
}

export const messages = {
	credentialMissing: (api: ApiName) =>
		`${api.name}: there is no credential in the environment; ${api.credential} must be set. ${api.remedy}`,
	unreachable: (api: ApiName, doing: string, host: string, reason: string) =>
		`${api.name}, ${doing}: ${host} could not be reached (${reason}). Check the network of this machine and HTTPS_PROXY, then run the command again.`,
	untrusted: (api: ApiName, doing: string, host: string, reason: string) =>
		`${api.name}, ${doing}: the certificate of ${host} is not trusted (${reason}). Behind a company proxy, put its CA certificate into a file and export NODE_EXTRA_CA_CERTS with that file's path.`,
	timeout: (api: ApiName, doing: string, seconds: number) =>
		`${api.name}, ${doing}: no answer within ${seconds} s. See ${api.statusPage} and check HTTPS_PROXY, then run the command again.`,
	notJson: (
		api: ApiName,
		doing: string,
		host: string,
		status: number,
		kind: string,
	) =>
		`${api.name}, ${doing}: ${host} answered (${status}) with ${kind} instead of JSON. A proxy or a login page may stand between this machine and ${api.name}: check HTTPS_PROXY, or see ${api.statusPage}.`,
	unexpectedShape: (api: ApiName, doing: string, issue: string) =>
		`${api.name}, ${doing}: the answer is not what its documentation says (${issue}). A newer moltbot may know the change; see ${api.statusPage} otherwise.`,
	interrupted: (doing: string) =>
		`Interrupted while ${doing}. Run \`pulumi up\` again: it goes on where this stopped.`,

	inputMissing: (type: string, key: string) =>
		`moltbot ${type}: the input "${key}" is missing.`,
	inputUnknown: (type: string, key: string, allowed: string) =>
		`moltbot ${type}: there is no input "${key}"; allowed are ${allowed}.`,
	inputInvalid: (type: string, key: string, reason: string) =>
		`moltbot ${type}: the input "${key}" is not valid: ${reason}.`,
	stateInvalid: (type: string, key: string, reason: string) =>
		`moltbot ${type}: the state holds no usable "${key}" (${reason}). Run \`pulumi up --refresh\`; if that does not mend it, remove this resource with \`pulumi state delete\` and run \`pulumi up\`, which finds what exists by its name.`,
	unknownType: (type: string) =>
		`The moltbot provider has no resource type "${type}": the program and infra/provider must be of the same version.`,

	opNoCredential: () =>
		"1Password: there is no credential in the environment; set OP_SERVICE_ACCOUNT_TOKEN (a service account that may read the operator's vault), or OP_CONNECT_HOST and OP_CONNECT_TOKEN (a Connect server).",
	opBoth: () =>
		"1Password: OP_SERVICE_ACCOUNT_TOKEN and OP_CONNECT_TOKEN are both set, and only one may be; unset the one that you do not use.",
	opConnectHalf: (missing: string) =>
		`1Password: ${missing} is not set; a Connect server needs OP_CONNECT_HOST (its address) and OP_CONNECT_TOKEN.`,
	opMissing: (program: string) =>
		`1Password: a service account needs the command line tool, and "${program}" cannot be started; install 1Password CLI ${minimumOp} or newer (https://developer.1password.com/docs/cli/get-started), or set OP_CLI_PATH to where it is.`,
	opOld: (program: string, found: string) =>
		`1Password: "${program}" is version ${found || "unknown"}, and ${minimumOp} or newer is needed; update it (\`op update\`).`,
	opRefused: (what: string, reason: string) =>
		`1Password, ${what}: ${reason}. Check the token in OP_SERVICE_ACCOUNT_TOKEN: make a new one at https://my.1password.com/developer-tools if it was revoked, and give it the operator's vault.`,
	secretEmpty: (item: string) =>
		`1Password: item "${item}" has neither a credential nor a password; put the secret into the field "credential" of an API Credential item, or "password" of a Password item.`,
	bucketNotOurs: (name: string) =>
		`Backblaze B2: the bucket "${name}" exists in this account, but was not made by moltbot, so it is left alone. Choose another name with \`pulumi config set bucket <name>\`; or, if it is yours to give, mark it: \`b2 bucket update --bucket-info '{"moltbot":"backup"}' ${name}\`.`,
	bucketNameTaken: (name: string) =>
		`Backblaze B2: the bucket name "${name}" is taken by another account (names are shared by all customers). Choose another one with \`pulumi config set bucket <name>\`.`,
	objectLockStays: (name: string) =>
		`Backblaze B2: object lock of the bucket "${name}" cannot be switched off again. Run \`pulumi config set objectLock true\`, or choose a new bucket name.`,
	bucketAdopted: (name: string) =>
		`The bucket ${name} exists and carries our mark; its history is kept.`,
	bucketRetained: (name: string) =>
		`The bucket ${name} stays, with all backups in it.`,

	claimContended: (bucket: string) =>
		`Somebody else is running \`pulumi up\` for the bucket "${bucket}" at this moment. Wait until that run has ended, then run \`pulumi up\` again.`,
	generationAdopted: (generation: number) =>
		`Found generation ${generation} and go on with it.`,
	generationStale: (generation: number) =>
		`Generation ${generation} never joined the tailnet and its key has expired: a new generation replaces it.`,
	generationUnchecked: (generation: number, reason: string) =>
		`Could not find out whether generation ${generation} has joined; it is taken as unchanged. ${reason}`,
	generationOrphan: (id: string, generation: number) =>
		`The VM ${id} of generation ${generation} is not in the state of this stack and is still billed; it once ran the agent, so it is left alone. Run \`pulumi up\` to adopt it, or delete it in the Vultr console.`,

	firewallOpen: (id: string, rules: number) =>
		`The firewall group ${id} has ${rules} ${rules === 1 ? "rule" : "rules"} that somebody added: the host can be reached from outside. Delete them in the Vultr console; the host needs no open port.`,

	instanceAdopted: (id: string) =>
		`Found the VM ${id}, made by an interrupted run, and go on with it.`,
	instanceLeftover: (id: string, generation: number | undefined) =>
		`Deleting the VM ${id} of generation ${generation ?? "unknown"}, which never joined.`,
	instanceGone: (id: string) =>
		`The VM ${id} is already gone at Vultr; nothing to delete.`,
	instanceLost: (id: string, theirs: number | undefined, ours: number) =>
		`Vultr has a VM ${id} of this bucket under generation ${theirs ?? "unknown"} that once ran the agent, but the state of this stack does not know it and wants generation ${ours}; the state was lost or another checkout runs the same bucket. Nothing was deleted. Restore the state (\`pulumi stack import\`), or take a backup on the host (\`moltbot backup\`) and delete the VM in the Vultr console; then run \`pulumi up\`.`,
	instanceMany: (ids: readonly string[], generation: number) =>
		`Vultr has ${ids.length} VMs (${ids.join(", ")}) of generation ${generation}. Delete all but the one that \`tailscale status\` shows in the Vultr console, then run \`pulumi up\`.`,
	generationUsedUp: (generation: number) =>
		`The host of generation ${generation} has lived and its join key is used up, so its VM cannot be made again under that number. Run \`pulumi up --refresh\`: it claims a new generation.`,
	instanceRefused: (plan: string, region: string) =>
		`Check that the plan "${plan}" can be had in the region "${region}" and that the account's limits allow one more VM (https://my.vultr.com); \`pulumi config set plan <plan>\` and \`pulumi config set region <region>\` choose others.`,
	instanceStarting: (status: string, power: string) =>
		`at Vultr: ${status}, ${power}`,
	instanceStopped: (id: string) =>
		`The VM ${id} is stopped at Vultr (a stopped VM is billed). Start it in the Vultr console, then run \`pulumi up\` again; \`pulumi destroy\` deletes it.`,
	instanceVanished: (id: string) =>
		`The VM ${id} disappeared at Vultr while it was being made. Look for a billing or abuse notice at https://my.vultr.com, then run \`pulumi up\` again.`,
	instanceSlow: (id: string, status: string, power: string, seconds: number) =>
		`The VM ${id} is not running after ${seconds} s (status "${status}", power "${power}"). See https://status.vultr.com; \`pulumi up\` waits for it again, \`pulumi destroy\` deletes it.`,
	instanceNotDeleted: (id: string, seconds: number) =>
		`The VM ${id} is still there ${seconds} s after its deletion was accepted, and still billed. See https://status.vultr.com, then run the same command again.`,

	nameTaken: (hostname: string, address: string, theirs: string, tag: string) =>
		`Tailscale: the name "${hostname}" belongs to a live device (${address}, ${theirs}) that is not the host of this stack (${tag}). Rename or remove that device at https://login.tailscale.com/admin/machines, or choose another name with \`pulumi config set hostname <name>\`.`,
	namePruned: (hostname: string, id: string) =>
		`Removed the left-over device ${id} named ${hostname} from the tailnet.`,

	bootStage: (stage: string, detail: string) =>
		detail ? `${stage}: ${detail}` : stage,
	bootFailed: (
		hostname: string,
		stage: string,
		unit: string | undefined,
		lines: readonly string[],
	) =>
		`The host "${hostname}" failed at the stage "${stage}"${unit ? ` in ${unit}` : ""}.${quote(lines)}\nThe console of the VM (https://my.vultr.com) shows more. After mending the cause run \`pulumi up\`; \`pulumi destroy\` deletes the VM.`,
	bootSlow: (
		hostname: string,
		seconds: number,
		stage: string,
		unit: string | undefined,
		lines: readonly string[],
	) =>
		`The host "${hostname}" did not join the tailnet within ${seconds} s; it was last at the stage "${stage}"${unit ? ` in ${unit}` : ""}.${quote(lines)}\nThe console of the VM (https://my.vultr.com) shows more. \`pulumi up\` waits for it again, and replaces it by itself once its key has expired (one hour); \`pulumi config set bootMinutes <minutes>\` allows more time.`,
	bootVanished: (hostname: string, id: string) =>
		`The VM ${id} of host "${hostname}" was deleted at Vultr while it booted. Run \`pulumi up --refresh\`.`,
	bootStopped: (hostname: string, id: string) =>
		`The VM ${id} of host "${hostname}" was stopped at Vultr while it booted (a stopped VM is billed). Start it in the Vultr console and run \`pulumi up\`.`,
	bootNoSsh: (hostname: string, address: string, reason: string) =>
		`The host "${hostname}" (${address}) has joined the tailnet, but this machine cannot open a shell on it: ${reason}`,

	sshUnreachable: (address: string, reason: string) =>
		`No SSH connection to ${address} (${reason}). Check with \`tailscale status\` that this machine is on the same tailnet, and that the tailnet policy lets it reach tcp:22 of the host's tag.`,
	sshRefused: (address: string, user: string, banner: string) =>
		`${address} refused the user "${user}"${banner ? `: "${banner}"` : ""}. Add to the tailnet policy an ssh rule with action "accept", the host's tag as dst and "core" in users.`,
	sshHostKey: (address: string) =>
		`${address} shows another host key than the tailnet knows: this is not the expected host. Check the device at https://login.tailscale.com/admin/machines.`,
	sshLost: (address: string, doing: string) =>
		`The connection to ${address} broke while ${doing}. Run the command again.`,
	sshSlow: (address: string, doing: string, seconds: number) =>
		`${address} did not end within ${seconds} s while ${doing}. Look at it with \`tailscale ssh core@${address}\`, then run the command again.`,

	backupGone: (id: string, newest: string) =>
		`The VM ${id} is already gone at Vultr, so there is nothing to save. ${newest}`,
	backupNewest: (snapshot: string, at: string, age: string) =>
		`The newest complete backup is ${snapshot} of ${at} (${age} ago).`,
	backupNone: () => "The bucket holds no complete backup.",
	backupUnknown: (reason: string) =>
		`The age of the newest backup could not be read. ${reason}`,
	backupUnborn: (hostname: string, generation: number) =>
		`The host ${hostname} of generation ${generation} never joined, so there is nothing to save.`,
	backupDiscarded: (key: string) =>
		`MOLTBOT_DISCARD=${key} is set: the host goes without a last backup.`,
	backupStopped: () => "The VM is stopped at Vultr.",
	backupNoDevice: (hostname: string, tag: string) =>
		`The tailnet has no device "${hostname}" with ${tag}.`,
	backupRunning: (hostname: string) =>
		`Stopping the agent on ${hostname} and saving its state.`,
	backupSaved: (snapshot: string, files: number, bytes: number) =>
		`Saved as ${snapshot} (${files} files, ${bytes} bytes) and read back.`,
	backupNothing: (reason: string) => `Nothing to save: ${reason}`,
	backupFailed: (hostname: string, code: number, lines: readonly string[]) =>
		`The last backup on "${hostname}" failed (exit status ${code}), so the host was not deleted.${quote(lines)}`,
	backupUnreachable: (
		hostname: string,
		id: string,
		discard: string,
		given: string | undefined,
		reason: string,
	) =>
		`The VM ${id} exists, but the host "${hostname}" cannot be reached for the last backup, so nothing was deleted. ${reason}
Ways out:
  - bring this machine onto the tailnet (\`tailscale up\`) and run the command again;
  - start or reboot the VM in the Vultr console, wait until \`tailscale status\` shows it online, and run the command again;
  - give up what changed since the newest backup: \`MOLTBOT_DISCARD=${discard} pulumi destroy\` (or \`pulumi up\`).${given === undefined || given === discard ? "" : `\nMOLTBOT_DISCARD is "${given}", which names another host.`}`,

	hostAnswer: (hostname: string, command: string, issue: string) =>
		`The host "${hostname}" gave an answer to \`${command}\` that this version does not understand (${issue}). The host and this program are of different versions: run \`pulumi up\` from the checkout that made it.`,
	deliveryFailed: (hostname: string, code: number, lines: readonly string[]) =>
		`The delivery to "${hostname}" failed (exit status ${code}).${quote(lines)}\nAfter mending the cause run \`pulumi up\`, which delivers again.`,
	deliveryKept: (path: string) =>
		`The agent has changed a file that changed here too: its own stays, the new one lies beside it as ${path}.`,
	notReady: (
		hostname: string,
		seconds: number,
		problems: string,
		permanent: boolean,
	) =>
		`The agent on "${hostname}" is not ready${permanent ? "" : ` after ${seconds} s`}.${problems}\nSee \`tailscale ssh core@${hostname} moltbot logs\`. After mending the cause run \`pulumi up\`.`,
	dead: (hostname: string, problems: string) =>
		`The agent on "${hostname}" is not running as it should.${problems}\nSee \`tailscale ssh core@${hostname} moltbot doctor\`.`,
	readinessAway: () => "The host does not answer at the moment.",
	readinessUnchecked: (hostname: string, readyAt: string, reason: string) =>
		`Could not ask "${hostname}" how it is; it was last known ready at ${readyAt}. ${reason}`,
};

/** Lines of a log, indented below a sentence. */
export function quote(lines: readonly string[]): string {
	return lines.map((line) => `\n    ${line}`).join("");
}
