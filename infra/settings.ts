import { z } from "zod";

/** One stack setting: how its text is read, and what the documentation says of it. */
interface Field<S extends z.ZodType> {
	readonly schema: S;
	/** What it is for, in a sentence. */
	readonly about: string;
	/** What may stand there, in words; shown with every fault. */
	readonly allowed: string;
	/** A value that works, for `pulumi config set`. */
	readonly example: string;
	/** Set with `--secret`; a wrong value is not repeated in the fault. */
	readonly secret?: true;
	/** The value where none is set, as text; absent = the setting is required. */
	readonly fallback?: string;
}

function field<S extends z.ZodType>(schema: S, rest: Omit<Field<S>, "schema">) {
	return { schema, ...rest };
}

const text = z.string().min(1);
const wholeNumber = (least: number, most: number) =>
	z
		.string()
		.regex(/^\d+$/)
		.transform(Number)
		.refine((n) => n >= least && n <= most);
const yesOrNo = z.enum(["true", "false"]).transform((v) => v === "true");
/** registry/name@sha256:…: a tag moves, a digest does not, and both together say nothing more. */
const pinnedImage = z
	.string()
	.regex(/^[a-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$/);
const builtImage = z.union([z.literal(""), pinnedImage]);
const pinned = "<registry>/<name>@sha256:<64 hex digits>";
const optionalPem = z
	.string()
	.refine((v) => v === "" || /^-----BEGIN [A-Z ]+-----/.test(v.trim()));
const optionalUrl = z
	.string()
	.refine((v) => v === "" || /^https:\/\/[^\s"\\]+$/.test(v));
const addresses = z
	.string()
	.transform((v) => v.split(/[\s,]+/).filter((part) => part !== ""))
	.pipe(z.array(z.union([z.ipv4(), z.ipv6()])).min(1));
const egressEntry = z.union([
	z.cidrv4(),
	z.cidrv6(),
	z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$/),
	z.enum(["open", "platform"]),
]);

/** Every setting of a stack, documented here and nowhere else; `docs/settings.md` is generated from it. */
export const fields = {
	hostname: field(z.string().regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/), {
		about: "Name of the host, at Vultr and in the tailnet.",
		allowed:
			"a DNS label: lower case letters, digits and hyphens, beginning with a letter, at most 63 characters",
		example: "moltbot",
		fallback: "moltbot",
	}),
	bucket: field(z.string().regex(/^(?!b2-)[a-z0-9][a-z0-9-]{4,48}[a-z0-9]$/), {
		about:
			"Name of the Backblaze B2 bucket that keeps the backups. It identifies the stack, so it never changes in its life.",
		allowed:
			"6 to 50 lower case letters, digits and hyphens, not beginning with b2-; bucket names are global, so take one that nobody else has",
		example: "moltbot-backup-7f3c9a",
	}),
	retentionDays: field(wholeNumber(1, 3650), {
		about:
			"For how many days a deleted or overwritten backup file can still be brought back.",
		allowed: "a whole number from 1 to 3650",
		example: "30",
		fallback: "30",
	}),
	objectLock: field(yesOrNo, {
		about:
			"Whether B2 Object Lock is enabled on the bucket. It cannot be disabled again.",
		allowed: "true or false",
		example: "false",
		fallback: "false",
	}),
	region: field(z.string().regex(/^[a-z]{3}$/), {
		about: "Vultr region of the VM.",
		allowed: "the three letters of a Vultr region, such as ewr, ams or sgp",
		example: "ewr",
		fallback: "ewr",
	}),
	plan: field(z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)+$/), {
		about: "Vultr plan of the VM. The agent needs 4 GB of memory.",
		allowed: "the id of a Vultr plan with at least 4 GB of memory",
		example: "vc2-2c-4gb",
		fallback: "vc2-2c-4gb",
	}),
	osId: field(wholeNumber(1, 1_000_000), {
		about:
			"Vultr id of the operating system of the first boot: Fedora CoreOS Stable.",
		allowed: "the number of a Vultr OS that takes Ignition",
		example: "391",
		fallback: "391",
	}),
	osImage: field(pinnedImage, {
		about:
			"The signed uCore image that the host rebases to and runs from then on.",
		allowed: pinned,
		example: `ghcr.io/ublue-os/ucore-minimal@sha256:${"0".repeat(64)}`,
	}),
	osSigningKey: field(optionalPem, {
		about:
			"Public key (PEM) that the OS image must be signed with. Empty: the key of Universal Blue that is part of this program.",
		allowed: "a PEM public key, or nothing",
		example: "",
		fallback: "",
	}),
	trustedCertificates: field(optionalPem, {
		about:
			"Further certificate authorities (PEM) that host and agent trust, as behind a company proxy.",
		allowed: "PEM certificates, or nothing",
		example: "",
		fallback: "",
	}),
	gatewayImage: field(builtImage, {
		about:
			"Image of the agent's gateway. Nothing: the host builds it from images/gateway, which takes some minutes and needs the open internet.",
		allowed: `${pinned}, or nothing`,
		example: `ghcr.io/you/moltbot-gateway@sha256:${"0".repeat(64)}`,
		fallback: "",
	}),
	sandboxImage: field(builtImage, {
		about:
			"Image in which the agent's commands run. Nothing: the host builds it from images/sandbox, as above.",
		allowed: `${pinned}, or nothing`,
		example: `ghcr.io/you/moltbot-sandbox@sha256:${"0".repeat(64)}`,
		fallback: "",
	}),
	backupImage: field(pinnedImage, {
		about:
			"Image with restic and sqlite3, which makes, restores and proves the backups (images/backup).",
		allowed: pinned,
		example: `ghcr.io/you/moltbot-backup@sha256:${"0".repeat(64)}`,
	}),
	ownerDiscordId: field(z.string().regex(/^\d{17,20}$/), {
		about:
			"Discord user id of the agent's owner, who may give it commands (Developer Mode, Copy User ID).",
		allowed: "17 to 20 digits",
		example: "123456789012345678",
	}),
	model: field(z.string().regex(/^[a-z0-9-]+\/[\w.:-]+$/), {
		about: "The language model, as OpenClaw writes it.",
		allowed: "<provider>/<model>",
		example: "anthropic/claude-sonnet-4-6",
		fallback: "anthropic/claude-sonnet-4-6",
	}),
	tag: field(z.string().regex(/^tag:[a-z][a-z0-9-]*$/), {
		about: "Tailscale tag of the host; the tailnet policy must own it.",
		allowed: "tag: and a name of lower case letters, digits and hyphens",
		example: "tag:moltbot",
		fallback: "tag:moltbot",
	}),
	operators: field(
		z
			.string()
			.regex(
				/^(autogroup:(admin|owner|member)|group:[\w.-]+|[^\s@"]+@[^\s@"]*)$/,
			),
		{
			about:
				"Who operates the host over the tailnet, as the policy file names them.",
			allowed:
				"autogroup:admin, a group: of the policy file, or the login name of a person",
			example: "autogroup:admin",
			fallback: "autogroup:admin",
		},
	),
	tailnetPolicy: field(z.enum(["", "replace-the-whole-policy"]), {
		about:
			"Permits `pulumi up` to replace the policy of the tailnet by that of policy/tailnet.hujson, for your tag and operators. Only for a tailnet that serves nothing else: every other rule in it is lost.",
		allowed: "nothing, or the words replace-the-whole-policy",
		example: "",
		fallback: "",
	}),
	resolvers: field(addresses, {
		about:
			"DNS servers that the host and the agent may ask; every other one is out of the agent's reach.",
		allowed: "IP addresses, separated by blanks or commas",
		example: "9.9.9.9 149.112.112.112",
		fallback: "9.9.9.9 149.112.112.112",
	}),
	egress: field(
		z
			.string()
			.transform((v) => v.split(/[\s,]+/).filter((part) => part !== ""))
			.pipe(z.array(egressEntry).min(1))
			.refine((v) => !v.includes("open") || v.length === 1),
		{
			about:
				"Where on the public internet the agent may connect to. A list is closed from the first packet; what the platform itself needs is added to it. A change replaces the VM.",
			allowed:
				"open; or platform (only what the platform needs), host names and networks such as 198.51.100.0/24, separated by blanks or commas",
			example: "platform github.com 198.51.100.0/24",
			fallback: "open",
		},
	),
	backupMinutes: field(wholeNumber(5, 1440), {
		about: "Minutes between two backups. A change replaces the VM.",
		allowed: "a whole number from 5 to 1440",
		example: "15",
		fallback: "15",
	}),
	notifyUrl: field(optionalUrl, {
		about:
			"Webhook that the host POSTs to when a backup or drill fails or stays away, as JSON with the text under `text` and `content` (Slack, Discord, ntfy). Set it with `--secret`.",
		allowed: "an https:// address, or nothing",
		example: "https://ntfy.sh/your-topic",
		fallback: "",
		secret: true,
	}),
	heartbeatUrl: field(optionalUrl, {
		about:
			"Address that the host calls after every successful backup: a dead-man's switch that tells you when it stays silent. Set it with `--secret`.",
		allowed: "an https:// address, or nothing",
		example: "https://hc-ping.com/your-check",
		fallback: "",
		secret: true,
	}),
	bootMinutes: field(wholeNumber(1, 240), {
		about:
			"How long `pulumi up` waits for a new host to join the tailnet, in minutes.",
		allowed: "a whole number from 1 to 240",
		example: "30",
		fallback: "30",
	}),
	operatorVault: field(text, {
		about:
			"1Password vault of the operator: what the program needs. The agent never sees it.",
		allowed: "the name of a vault",
		example: "moltbot",
		fallback: "moltbot",
	}),
	agentVault: field(text, {
		about:
			"1Password vault of the agent, which its own service account can read.",
		allowed: "the name of a vault",
		example: "moltbot-agent",
		fallback: "moltbot-agent",
	}),
	sharedVault: field(z.enum(["", "agent-can-read-operator-secrets"]), {
		about:
			"Permits one vault for both. An agent that is taken over then reads the backup password and every other secret of the operator.",
		allowed: "nothing, or the words agent-can-read-operator-secrets",
		example: "",
		fallback: "",
	}),
	discordItem: field(text, {
		about: "1Password item with the token of the Discord bot.",
		allowed: "the title of an item in operatorVault",
		example: "Discord Bot Token",
		fallback: "Discord Bot Token",
	}),
	anthropicItem: field(text, {
		about: "1Password item with the Anthropic API key.",
		allowed: "the title of an item in operatorVault",
		example: "Anthropic API Key",
		fallback: "Anthropic API Key",
	}),
	agentTokenItem: field(z.string(), {
		about:
			"1Password item with the token of the agent's own service account, with which its commands read agentVault. Nothing: the agent has no 1Password.",
		allowed: "the title of an item in operatorVault, or nothing",
		example: "Moltbot Service Account",
		fallback: "",
	}),
	githubItem: field(z.string(), {
		about:
			"1Password item with the agent's GitHub token. Nothing: the agent has none.",
		allowed: "the title of an item in operatorVault, or nothing",
		example: "GitHub Token - Moltbot",
		fallback: "GitHub Token - Moltbot",
	}),
	backupPasswordItem: field(text, {
		about:
			"1Password item with the password that encrypts the backups. Without it no backup can be read.",
		allowed: "the title of an item in operatorVault",
		example: "Moltbot Backup Password",
		fallback: "Moltbot Backup Password",
	}),
} as const satisfies Record<string, Field<z.ZodType>>;

export type SettingKey = keyof typeof fields;

/** The settings of a stack, parsed and checked. */
export type Settings = {
	readonly [K in SettingKey]: z.output<(typeof fields)[K]["schema"]>;
};

/** One thing that is wrong with the configuration of a stack. */
export interface SettingFault {
	readonly key: string;
	/** The value as it stands in the stack's file; undefined where it is missing. */
	readonly found: string | undefined;
	readonly allowed: string;
	/** The command that mends it. */
	readonly mend: string;
}

/** All faults of a stack's configuration at once. */
export class SettingsError extends Error {
	readonly code = "settings-invalid";
	readonly faults: readonly SettingFault[];

	constructor(faults: readonly SettingFault[]) {
		super(
			[
				`${faults.length} ${faults.length === 1 ? "setting is" : "settings are"} not usable:`,
				...faults.map(
					({ key, found, allowed, mend }) =>
						`  moltbot:${key}: found ${found === undefined ? "nothing" : JSON.stringify(found)}; allowed: ${allowed}. Mend it: ${mend}`,
				),
			].join("\n"),
		);
		this.name = "SettingsError";
		this.faults = faults;
	}
}

const prefix = "moltbot:";

/**
 * Reads the settings out of the configuration of a stack, keys as Pulumi gives them (`moltbot:region`).
 * Keys of other packages are left alone.
 * @throws SettingsError naming every fault.
 */
export function parseSettings(
	config: Readonly<Record<string, string>>,
): Settings {
	const faults: SettingFault[] = [];
	const settings: Record<string, unknown> = {};
	for (const [
		key,
		{ schema, allowed, example, fallback, secret },
	] of Object.entries<Field<z.ZodType>>(fields)) {
		const found = config[prefix + key];
		const parsed = schema.safeParse(found ?? fallback);
		if (parsed.success) settings[key] = parsed.data;
		else
			faults.push({
				key,
				found: secret ? "a value that is not shown here" : found,
				allowed,
				mend: setCommand(key, example, secret),
			});
	}
	for (const name of Object.keys(config)) {
		const key = name.slice(prefix.length);
		if (name.startsWith(prefix) && !Object.hasOwn(fields, key))
			faults.push({
				key,
				found: config[name],
				allowed: `one of ${Object.keys(fields).join(", ")}`,
				mend: `pulumi config rm ${key}`,
			});
	}
	if (
		settings.operatorVault === settings.agentVault &&
		settings.sharedVault === ""
	)
		faults.push({
			key: "agentVault",
			found: String(settings.agentVault),
			allowed:
				"a vault other than operatorVault, because the agent reads all of its own",
			mend: `${setCommand("agentVault", "moltbot-agent")} (or permit it: ${setCommand("sharedVault", "agent-can-read-operator-secrets")})`,
		});
	if (faults.length > 0) throw new SettingsError(faults);
	return settings as Settings;
}

function setCommand(key: string, example: string, secret = false): string {
	return `pulumi config set ${secret ? "--secret " : ""}${key} ${/^[\w./:@-]+$/.test(example) ? example : `'${example}'`}`;
}

/** The page docs/settings.md, in Markdown. */
export function settingsPage(): string {
	const rows = Object.entries<Field<z.ZodType>>(fields).map(
		([key, { about, allowed, fallback }]) =>
			`| \`${key}\` | ${about} | ${allowed} | ${fallback === undefined ? "**required**" : fallback === "" ? "nothing" : `\`${fallback}\``} |`,
	);
	return [
		"# Settings",
		"",
		"Generated from `infra/settings.ts` by `node infra/settings.page.ts`; do not edit.",
		"",
		"Set one with `pulumi config set <key> <value>`.",
		"",
		"| Key | What it is for | Allowed | Where none is set |",
		"|---|---|---|---|",
		...rows,
		"",
	].join("\n");
}
