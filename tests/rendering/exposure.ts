// Which secret lies where, and why: the table of docs/security.md, and what exposure.test.ts holds the product to.

export const places = [
	"1Password",
	"Pulumi state",
	"user-data",
	"host disk",
	"gateway",
	"sandbox",
	"backup",
	"logs",
] as const;
export type Place = (typeof places)[number];

/** One secret: for each place where it is, why and how; everywhere else it is not. */
export interface Exposure {
	readonly secret: string;
	/** Its file on the host, where it has one. */
	readonly file?: string;
	readonly in: Partial<Record<Place, string>>;
}

const vault = "your vault";
const state = "encrypted (`pulumi.secret`, your passphrase)";
const agentFile = "0400, agent's uid, in a folder of root's";
const rootFile = "0400, root, in a folder of root's alone";

export const exposures: readonly Exposure[] = [
	{
		secret: "Discord bot token",
		file: "discord-bot-token",
		in: {
			"1Password": vault,
			"host disk": agentFile,
			gateway: "it speaks to Discord",
		},
	},
	{
		secret: "Anthropic API key",
		file: "anthropic-api-key",
		in: {
			"1Password": vault,
			"host disk": agentFile,
			gateway: "it speaks to the model",
		},
	},
	{
		secret: "token of the gateway's own port",
		file: "gateway-token",
		in: {
			"host disk": `${agentFile}; made there`,
			gateway: "it asks for it; the port is on loopback",
		},
	},
	{
		secret: "token of the agent's own 1Password account",
		file: "onepassword-token",
		in: {
			"1Password": vault,
			"host disk": agentFile,
			gateway: "it mounts it into sandboxes",
			sandbox:
				"the agent's own, by mission; only where `agentTokenItem` is set",
		},
	},
	{
		secret: "the agent's GitHub token",
		file: "github-token",
		in: {
			"1Password": vault,
			"host disk": agentFile,
			gateway: "it mounts it into sandboxes",
			sandbox: "the agent's own, by mission; none where `githubItem` is empty",
		},
	},
	{
		secret: "backup password",
		file: "backup-password",
		in: { "1Password": vault, "host disk": rootFile },
	},
	{
		secret: "B2 key of the host (cannot delete)",
		file: "backup-key",
		in: { "Pulumi state": state, "host disk": rootFile },
	},
	{
		secret: "addresses for notices and signs of life",
		file: "notify-url",
		in: {
			"Pulumi state": "as you set them: use `pulumi config set --secret`",
			"host disk": rootFile,
		},
	},
	{
		secret: "join key of the tailnet",
		file: "join-key",
		in: {
			"Pulumi state": state,
			"user-data": "one-off, an hour, spent by the first join",
			"host disk": "0600, root; shredded after the join",
		},
	},
	{
		secret: "address of the boot beacon",
		file: "beacon-url",
		in: {
			"Pulumi state": state,
			"user-data": "an hour, may write one object",
			"host disk": "0600, root; removed after the join",
		},
	},
	{
		secret: "your keys of Vultr, Tailscale, B2 and 1Password",
		in: {},
	},
];

/** The table, in Markdown. */
export function exposureTable(): string {
	const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
	return [
		row(["Secret", ...places]),
		row(["", ...places].map(() => "---")),
		...exposures.map(({ secret, in: where }) =>
			row([
				secret,
				...places.map((place) => {
					const reason = where[place];
					return reason === undefined ? "no" : `yes: ${reason}`;
				}),
			]),
		),
	].join("\n");
}
