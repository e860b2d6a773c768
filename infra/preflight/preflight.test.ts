// Every fault that preflight knows, made at the stand-ins, and the sentence that it gets. Nothing else may be said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Broken, connectToken, findingsOf, opToken } from "./testing.ts";

const tag = "tag:moltbot";
const asServiceAccount = {
	OP_CONNECT_HOST: undefined,
	OP_CONNECT_TOKEN: undefined,
	OP_SERVICE_ACCOUNT_TOKEN: opToken,
};
const oauth = (...scopes: string[]): Broken => ({
	tailscale: {
		oauthClients: [
			{
				id: "client",
				secret: "CANARY0oauth",
				scopes: scopes as never,
				tags: [tag],
			},
		],
	},
	env: {
		TAILSCALE_API_KEY: undefined,
		TAILSCALE_OAUTH_CLIENT_ID: "client",
		TAILSCALE_OAUTH_CLIENT_SECRET: "CANARY0oauth",
	},
});
const policy = (parts: object): Broken => ({
	tailscale: {
		policy: JSON.stringify({
			tagOwners: { [tag]: ["autogroup:admin"] },
			grants: [{ src: ["autogroup:admin"], dst: [tag], ip: ["tcp:22"] }],
			ssh: [{ action: "accept", src: ["a"], dst: [tag], users: ["core"] }],
			...parts,
		}),
	},
});
const agentToken = (token: string, ...vaults: string[]): Broken => ({
	settings: { agentTokenItem: "Agent Token" },
	items: [{ title: "Agent Token", credential: token }],
	serviceAccounts: vaults.length > 0 ? [{ token, vaults }] : [],
});
const agent = "ops_CANARY0agent";
const needsPolicy =
	/it needs "tagOwners": .*"grants": .*"tcp:22".*"ssh": .*"core"/;

/** Name, what is broken, and the findings in order of their text; each must fit one. */
const rows: [string, Broken, ...RegExp[]][] = [
	["all is well with Connect", {}],
	["all is well with a service account", { env: asServiceAccount }],
	[
		"all is well with an OAuth client",
		oauth("auth_keys", "devices:core", "policy_file:read"),
	],
	["all is well with an agent's own token", agentToken(agent, "moltbot-agent")],

	[
		"Vultr key missing",
		{ env: { VULTR_API_KEY: undefined } },
		/^fault: Vultr: there is no credential.*VULTR_API_KEY must be set.*Make a key/,
	],
	[
		"Vultr key wrong",
		{ env: { VULTR_API_KEY: "CANARY0wrong" } },
		/^fault: Vultr, reading the account: the credential in VULTR_API_KEY was not accepted \(401\): "Invalid API token".*Make a key/,
	],
	[
		"Vultr key not for this address",
		{
			vultr: {
				apiKeys: [{ token: "lab-vultr-key", allowedAddresses: ["192.0.2.1"] }],
			},
		},
		/^fault: Vultr, .*Unauthorized IP address: 127.0.0.1.*allow the address of this machine/,
	],
	[
		"Vultr key without rights",
		{
			vultr: {
				apiKeys: [
					{
						token: "lab-vultr-key",
						acls: ["subscriptions_view", "provisioning"],
					},
				],
			},
		},
		/^fault: Vultr: the key in VULTR_API_KEY does not show the right to subscriptions; give it/,
	],
	[
		"Vultr key without the firewall",
		{
			vultr: {
				apiKeys: [
					{
						token: "lab-vultr-key",
						acls: ["subscriptions_view", "provisioning", "subscriptions"],
					},
				],
			},
		},
		/^warning: Vultr: .*does not show the right to firewall; give it/,
	],
	[
		"plan unknown",
		{ settings: { plan: "vc9-9c-9gb" } },
		/^fault: plan: Vultr has no plan "vc9-9c-9gb".*4096 MiB.*pulumi config set plan/,
	],
	[
		"plan too small",
		{ settings: { plan: "vc2-1c-2gb" } },
		/^fault: plan: "vc2-1c-2gb" has 2048 MiB of memory, the agent needs 4096: pulumi config set plan/,
	],
	[
		"plan sold out",
		{ vultr: { soldOut: { ewr: ["vc2-2c-4gb"] } } },
		/^fault: region: plan "vc2-2c-4gb" is not to be had in "ewr".*pulumi config set region/,
	],
	[
		"region unknown",
		{ settings: { region: "xyz" } },
		/^fault: region: Vultr has no region "xyz"; it has .*ewr.*pulumi config set region/,
	],
	[
		"OS unknown",
		{ settings: { osId: "999999" } },
		/^fault: osId: 999999 is unknown to Vultr.*pulumi config set osId 391/,
	],
	[
		"OS takes no Ignition",
		{ settings: { osId: "2136" } },
		/^fault: osId: 2136 is "Debian 12.*pulumi config set osId 391/,
	],

	[
		"B2 key missing",
		{ env: { B2_APPLICATION_KEY: undefined } },
		/^fault: Backblaze B2: there is no credential.*B2_APPLICATION_KEY must be set/,
	],
	[
		"B2 key wrong",
		{ env: { B2_APPLICATION_KEY: "CANARY0wrong" } },
		/^fault: Backblaze B2, .*B2_APPLICATION_KEY was not accepted \(401\).*Make an application key/,
	],
	[
		"B2 key without rights",
		{
			prepare: b2Key({
				capabilities: ["listBuckets", "listFiles", "readFiles"],
			}),
		},
		/^fault: Backblaze: the key in B2_APPLICATION_KEY_ID lacks writeBuckets, listKeys, writeKeys, deleteKeys, writeFiles; make one/,
	],
	[
		"B2 key for one bucket",
		{ prepare: b2Key({}, "some-bucket") },
		/^fault: Backblaze: .*is for bucket "some-bucket" alone/,
		/^fault: Backblaze: .*lacks writeBuckets/,
	],
	[
		"object lock without the right",
		{
			settings: { objectLock: "true" },
			prepare: b2Key({
				capabilities: [
					"listBuckets",
					"writeBuckets",
					"listKeys",
					"writeKeys",
					"deleteKeys",
					"listFiles",
					"readFiles",
					"writeFiles",
				],
			}),
		},
		/^fault: Backblaze: .*lacks writeBucketRetentions/,
	],

	[
		"Tailscale key missing",
		{ env: { TAILSCALE_API_KEY: undefined } },
		/^fault: Tailscale: there is no credential.*TAILSCALE_API_KEY/,
	],
	[
		"Tailscale key wrong",
		{ env: { TAILSCALE_API_KEY: "tskey-CANARY0wrong" } },
		/^fault: Tailscale, listing the devices of the tailnet: .*not accepted \(401\)/,
	],
	[
		"tailnet unknown",
		{ env: { TAILSCALE_TAILNET: "elsewhere.test" } },
		/^fault: Tailscale, .*There is no tailnet "elsewhere.test".*TAILSCALE_TAILNET/,
	],
	[
		"OAuth client wrong",
		{ env: { ...oauth().env, TAILSCALE_OAUTH_CLIENT_ID: "nobody" } },
		/^fault: Tailscale, logging in with the OAuth client: .*not accepted \(401\)/,
	],
	[
		"OAuth client without devices",
		oauth("auth_keys", "policy_file:read"),
		/^fault: Tailscale, listing the devices.*may not do this \(403\).*devices:core/,
	],
	[
		"OAuth client without keys",
		oauth("devices:core", "policy_file:read"),
		/^fault: Tailscale, listing the keys.*may not do this \(403\).*auth_keys/,
	],
	[
		"OAuth client without the policy",
		oauth("auth_keys", "devices:core"),
		/^warning: Tailscale: this credential may not read the tailnet policy.*make sure that it has "tagOwners": .*tcp:22.*core/,
	],
	[
		"policy without the tag",
		policy({ tagOwners: {} }),
		new RegExp(`^fault: .*no owner for tag:moltbot; ${needsPolicy.source}`),
	],
	[
		"policy without tcp:22",
		policy({ grants: [{ src: ["*"], dst: [tag], ip: ["tcp:443", "udp:22"] }] }),
		new RegExp(`^fault: .*no grant.*${needsPolicy.source}`),
	],
	[
		"policy with an ACL for tcp:22",
		policy({
			grants: [],
			acls: [{ action: "accept", src: ["*"], dst: ["tag:moltbot:20-30"] }],
		}),
	],
	[
		"policy that asks a person",
		policy({
			ssh: [{ action: "check", src: ["a"], dst: [tag], users: ["core"] }],
		}),
		new RegExp(`^fault: .*no SSH rule.*${needsPolicy.source}`),
	],
	[
		"policy for root only",
		policy({
			ssh: [{ action: "accept", src: ["a"], dst: [tag], users: ["root"] }],
		}),
		/^fault: .*no SSH rule/,
	],
	[
		"host name of a live device",
		{
			prepare: ({ coordination }) =>
				void coordination.addDevice({
					hostname: "moltbot",
					user: "ada@example.com",
				}),
		},
		/^fault: hostname: "moltbot" is the live device moltbot.tailnet.test of ada@example.com; choose another name: pulumi config set hostname/,
	],
	[
		"host name of another stack",
		{
			prepare: ({ coordination }) =>
				void coordination.addDevice({ hostname: "moltbot", tags: [tag] }),
		},
		/^fault: hostname: "moltbot" is the live device .*has no VM, so it is the host of another stack/,
	],
	[
		"host name of a device that is off",
		{
			prepare: ({ coordination }) =>
				void coordination.setOnline(
					coordination.addDevice({ hostname: "moltbot" }).id,
					false,
				),
		},
	],

	[
		"no tailscale here",
		{ status: null },
		/^warning: Tailscale does not answer on this machine.*install and start it/,
	],
	[
		"tailscale logged out here",
		{ status: { BackendState: "NeedsLogin", Self: null } },
		/^warning: Tailscale on this machine is "NeedsLogin".*`tailscale up`/,
	],
	[
		"tailscale of another tailnet here",
		{
			status: {
				BackendState: "Running",
				Self: { DNSName: "laptop.other.test." },
			},
		},
		/^warning: Tailscale on this machine is "laptop.other.test", which is no device of the tailnet that.*\(tailnet.test\)/,
	],

	...(["os", "gateway", "sandbox", "backup"] as const).map(
		(name): [string, Broken, RegExp] => [
			`${name} image missing`,
			{
				settings: {
					[`${name}Image`]: `ghcr.io/test/nothing@sha256:${"0".repeat(64)}`,
				},
			},
			new RegExp(
				`^fault: ${name}Image: the registry has no ghcr.io/test/nothing@sha256:0+; push it.*pulumi config set ${name}Image`,
			),
		],
	),

	[
		"no 1Password credential",
		{ env: { OP_CONNECT_HOST: undefined, OP_CONNECT_TOKEN: undefined } },
		/^fault: 1Password: there is no credential.*OP_SERVICE_ACCOUNT_TOKEN.*OP_CONNECT_HOST/,
	],
	[
		"two 1Password credentials",
		{ env: { OP_SERVICE_ACCOUNT_TOKEN: opToken } },
		/^fault: 1Password: .*both set.*unset/,
	],
	[
		"half a Connect credential",
		{ env: { OP_CONNECT_HOST: undefined } },
		/^fault: 1Password: OP_CONNECT_HOST is not set/,
	],
	[
		"Connect token wrong",
		{ env: { OP_CONNECT_TOKEN: "CANARY0wrong" } },
		/^fault: 1Password Connect, listing vaults: .*OP_CONNECT_TOKEN was not accepted \(401\).*Make a token/,
	],
	[
		"service account token wrong",
		{
			env: {
				...asServiceAccount,
				OP_SERVICE_ACCOUNT_TOKEN: "ops_CANARY0wrong",
			},
		},
		/^fault: 1Password, listing vaults: Signin credentials are not compatible.*OP_SERVICE_ACCOUNT_TOKEN/,
	],
	[
		"op missing",
		{ env: asServiceAccount, op: null },
		/^fault: 1Password: a service account needs the command line tool, and "op" cannot be started; install 1Password CLI 2\.23\.0/,
	],
	[
		"op too old",
		{ env: asServiceAccount, op: "echo 2.9.4" },
		/^fault: 1Password: "op" is version 2\.9\.4, and 2\.23\.0 or newer is needed/,
	],
	[
		"vault missing",
		{ settings: { operatorVault: "nowhere" } },
		/^fault: operatorVault: 1Password shows this credential no vault "nowhere" \(it shows moltbot, empty\).*pulumi config set operatorVault/,
	],
	[
		"items missing",
		{ settings: { operatorVault: "empty", githubItem: "" } },
		/^fault: anthropicItem: the vault "empty" has no item "Anthropic API Key".*pulumi config set anthropicItem/,
		/^fault: backupPasswordItem: /,
		/^fault: discordItem: /,
	],
	[
		"an item twice",
		{ items: [{ title: "Discord Bot Token", credential: "x" }] },
		/^fault: discordItem: .*2 items titled "Discord Bot Token"; rename/,
	],

	[
		"the agent's token opens the operator's vault",
		agentToken(agent, "moltbot-agent", "moltbot"),
		/^fault: agentTokenItem: the token in "Agent Token" opens the vault "moltbot".*take that vault from/,
	],
	[
		"that is permitted",
		{
			...agentToken(agent, "moltbot-agent", "moltbot"),
			settings: {
				agentTokenItem: "Agent Token",
				sharedVault: "agent-can-read-operator-secrets",
			},
		},
	],
	[
		"the agent's token is the operator's",
		{ ...agentToken(opToken), env: asServiceAccount },
		/^fault: agentTokenItem: .*is the operator's own/,
	],
	[
		"the agent's token lacks its vault",
		agentToken(agent, "empty"),
		/^fault: agentVault: .*does not open the vault "moltbot-agent"/,
	],
	[
		"the agent's token is refused",
		agentToken(agent),
		/^fault: agentTokenItem: 1Password does not accept the token in "Agent Token"/,
	],
	[
		"a secret has several lines",
		{
			settings: { githubItem: "Pasted" },
			items: [{ title: "Pasted", credential: "ghp_one\nghp_two" }],
		},
		/^fault: githubItem: the secret in the item "Pasted" has several lines.*paste it again/,
	],
	[
		"a secret is empty",
		{
			settings: { discordItem: "Blank" },
			items: [{ title: "Blank", credential: " " }],
		},
		/^fault: discordItem: the item "Blank" has neither a credential nor a password.*field "credential"/,
	],
	[
		"the agent's token is empty",
		agentToken(" "),
		/^fault: agentTokenItem: .*neither a credential nor a password/,
	],
	[
		"the agent's token cannot be checked",
		{ ...agentToken(agent, "moltbot-agent"), op: null },
		/^warning: 1Password: whether the agent's token opens the operator's vault cannot be checked/,
	],

	[
		"everything at once",
		{
			env: {
				VULTR_API_KEY: "CANARY0wrong",
				B2_APPLICATION_KEY: "CANARY0wrong",
				TAILSCALE_API_KEY: "CANARY0wrong",
				OP_CONNECT_TOKEN: "CANARY0wrong",
			},
			settings: {
				plan: "vc2-1c-1gb",
				osId: "1",
				gatewayImage: `ghcr.io/x/y@sha256:${"1".repeat(64)}`,
			},
			status: null,
		},
		/^fault: 1Password Connect/,
		/^fault: Backblaze B2/,
		/^fault: Tailscale/,
		/^fault: Vultr, reading/,
		/^fault: gatewayImage/,
		/^fault: osId/,
		/^fault: plan: "vc2-1c-1gb"/,
		/^warning: Tailscale does not answer/,
	],
];

for (const [name, broken, ...expected] of rows)
	test(name, async (t) => {
		const findings = (await findingsOf(t, broken)).sort();
		const said = findings.join("\n");
		assert.equal(findings.length, expected.length, said);
		for (const [i, pattern] of expected.entries())
			assert.match(findings[i] ?? "", pattern);
		assert.doesNotMatch(said, /CANARY/);
		for (const token of [connectToken, opToken])
			assert.ok(!said.includes(token));
	});

/** The operator has a key with less. */
function b2Key(
	settings: { capabilities?: string[] },
	bucket?: string,
): NonNullable<Broken["prepare"]> {
	return async ({ b2, env }) => {
		const bucketIds = bucket ? { bucketIds: [await b2.bucket(bucket)] } : {};
		const key = await b2.key({ ...settings, ...bucketIds });
		env.B2_APPLICATION_KEY_ID = key.id;
		env.B2_APPLICATION_KEY = key.secret;
	};
}
