// What the real plugins were seen to send, as data. Each trace: what the engine asks, and the requests with their
// answers, in order. Sources: vultr 2.21.1 and 2.26.1, tailscale 0.29.1, onepassword 1.1.3 against local servers.
import type { Properties } from "./values.ts";

export interface Trace {
	title: string;
	/** Resource type or function. */
	token: string;
	operation:
		| { create: Properties }
		| { read: string; olds: Properties }
		| { update: string; olds: Properties; news: Properties }
		| { delete: string; olds: Properties }
		| { invoke: Properties };
	exchanges: {
		/** Method and address. */
		request: string;
		body?: unknown;
		status: number;
		answer?: unknown;
		headers?: Record<string, string>;
	}[];
	/** Outputs that must be among the results. */
	outputs?: Properties;
	/** Error message, where the operation must fail. */
	error?: string;
	/** The resource must be reported as gone. */
	gone?: true;
}

const group = {
	firewall_group: {
		id: "U",
		description: "agent",
		date_created: "2026-11-21T10:00:00+00:00",
		date_modified: "2026-11-21T10:00:00+00:00",
		instance_count: 0,
		rule_count: 0,
		max_rule_count: 50,
	},
};
const rule = {
	firewall_rule: {
		id: 1,
		ip_type: "v4",
		protocol: "udp",
		subnet: "0.0.0.0",
		subnet_size: 0,
		port: "41641",
		notes: "ts",
		source: "",
	},
};
const ruleInputs = {
	firewallGroupId: "U",
	ipType: "v4",
	protocol: "udp",
	subnet: "0.0.0.0",
	subnetSize: 0,
	port: "41641",
	notes: "ts",
};
const vultr = "https://api.vultr.com/v2";
const groupType = "vultr:index/firewallGroup:FirewallGroup";
const ruleType = "vultr:index/firewallRule:FirewallRule";
const refused = (status: number, error: string) => ({
	status,
	answer: { error, status },
});
const postGroup = {
	request: `POST ${vultr}/firewalls`,
	body: { description: "agent" },
};
const getGroup = { request: `GET ${vultr}/firewalls/U` };

export const vultrTraces: Trace[] = [
	{
		title: "a group is created and read back",
		token: groupType,
		operation: { create: { description: "agent" } },
		exchanges: [
			{ ...postGroup, status: 201, answer: group },
			{ ...getGroup, status: 200, answer: group },
		],
		outputs: { description: "agent", maxRuleCount: 50 },
	},
	{
		title: "a new description is put and read back",
		token: groupType,
		operation: {
			update: "U",
			olds: { description: "agent" },
			news: { description: "agent2" },
		},
		exchanges: [
			{
				request: `PUT ${vultr}/firewalls/U`,
				body: { description: "agent2" },
				status: 204,
			},
			{ ...getGroup, status: 200, answer: group },
		],
	},
	{
		title: "a group is deleted by one call",
		token: groupType,
		operation: { delete: "U", olds: { description: "agent" } },
		exchanges: [{ request: `DELETE ${vultr}/firewalls/U`, status: 204 }],
	},
	{
		title: "a rule is created and read back",
		token: ruleType,
		operation: { create: ruleInputs },
		exchanges: [
			{
				request: `POST ${vultr}/firewalls/U/rules`,
				body: {
					ip_type: "v4",
					protocol: "udp",
					subnet: "0.0.0.0",
					subnet_size: 0,
					port: "41641",
					notes: "ts",
				},
				status: 201,
				answer: rule,
			},
			{
				request: `GET ${vultr}/firewalls/U/rules/1`,
				status: 200,
				answer: rule,
			},
		],
		outputs: { ipType: "v4", port: "41641" },
	},
	{
		title: "a rule is deleted by one call",
		token: ruleType,
		operation: { delete: "1", olds: ruleInputs },
		exchanges: [
			{ request: `DELETE ${vultr}/firewalls/U/rules/1`, status: 204 },
		],
	},
	{
		title: "a 503 is tried again, also on POST",
		token: groupType,
		operation: { create: { description: "agent" } },
		exchanges: [
			{ ...postGroup, ...refused(503, "busy") },
			{ ...postGroup, ...refused(500, "busy") },
			{ ...postGroup, ...refused(429, "slow down") },
			{ ...postGroup, status: 201, answer: group },
			{ ...getGroup, status: 200, answer: group },
		],
	},
	{
		title: "after four attempts it gives up with the last body, quoted",
		token: groupType,
		operation: { create: { description: "agent" } },
		exchanges: Array.from({ length: 4 }, () => ({
			...postGroup,
			...refused(500, "busy"),
		})),
		error:
			'gave up after 4 attempts, last error: "{\\"error\\":\\"busy\\",\\"status\\":500}"',
	},
	{
		title: "a 401 is not tried again, and its body is the message",
		token: groupType,
		operation: { create: { description: "agent" } },
		exchanges: [{ ...postGroup, ...refused(401, "Invalid API token.") }],
		error: '{"error":"Invalid API token.","status":401}',
	},
	{
		title: "a group that answers 404 with its status in the body is gone",
		token: groupType,
		operation: { read: "U", olds: { description: "agent" } },
		exchanges: [{ ...getGroup, ...refused(404, "Invalid firewall group") }],
		gone: true,
	},
	{
		title: "a rule's 404 with another text fails the refresh",
		token: ruleType,
		operation: { read: "1", olds: ruleInputs },
		exchanges: [
			{
				request: `GET ${vultr}/firewalls/U/rules/1`,
				...refused(404, "Invalid firewall rule"),
			},
		],
		error: "Invalid firewall rule",
	},
	{
		title: "a rule's 404 with the known text means it is gone",
		token: ruleType,
		operation: { read: "1", olds: ruleInputs },
		exchanges: [
			{
				request: `GET ${vultr}/firewalls/U/rules/1`,
				...refused(404, "Firewall rule ID not found"),
			},
		],
		gone: true,
	},
];

const keys = "https://api.tailscale.com/api/v2/tailnet/-/keys";
const keyType = "tailscale:index/tailnetKey:TailnetKey";
const key = {
	id: "k1",
	keyType: "auth",
	created: "2026-11-21T10:00:00Z",
	expires: "2026-11-21T11:00:00Z",
	userId: "u1",
	invalid: false,
};
const keyInputs = {
	description: "x",
	expiry: 3600,
	preauthorized: true,
	reusable: false,
	ephemeral: false,
	tags: ["tag:b", "tag:a"],
};
const postKey = {
	request: `POST ${keys}`,
	body: {
		capabilities: {
			devices: {
				create: {
					reusable: false,
					ephemeral: false,
					tags: ["tag:a", "tag:b"],
					preauthorized: true,
				},
			},
		},
		expirySeconds: 3600,
		description: "x",
	},
};

export const tailscaleTraces: Trace[] = [
	{
		title: "a key is created by one call, tags sorted",
		token: keyType,
		operation: { create: keyInputs },
		exchanges: [
			{ ...postKey, status: 200, answer: { ...key, key: "tskey-auth-x" } },
		],
		outputs: { expiresAt: key.expires, invalid: false },
	},
	{
		title: "a refusal is not tried again",
		token: keyType,
		operation: { create: keyInputs },
		exchanges: [{ ...postKey, status: 500, answer: { message: "oops" } }],
		error: "Failed to create key: Error creating tailnet key: oops (500)",
	},
	{
		title: "a page of a proxy is no JSON",
		token: keyType,
		operation: { create: keyInputs },
		exchanges: [{ ...postKey, status: 502, answer: "<html>" }],
		error: "invalid character '<' looking for beginning of value",
	},
	{
		title: "a key that is gone stays in the state as invalid",
		token: keyType,
		operation: { read: "k1", olds: keyInputs },
		exchanges: [
			{
				request: `GET ${keys}/k1`,
				status: 404,
				answer: { message: "not found" },
			},
		],
		outputs: { invalid: true },
	},
	{
		title: "a key without a type fails the refresh",
		token: keyType,
		operation: { read: "k1", olds: keyInputs },
		exchanges: [
			{ request: `GET ${keys}/k1`, status: 200, answer: { id: "k1" } },
		],
		error: "Invalid key type ''",
	},
	{
		title: "a refused read names the key, quoted twice",
		token: keyType,
		operation: { read: "k1", olds: keyInputs },
		exchanges: [
			{ request: `GET ${keys}/k1`, status: 401, answer: { message: "no" } },
		],
		error:
			'Failed to fetch key: Error reading tailnet key with id "\\"k1\\"": no (401)',
	},
	{
		title: "deleting a key that is gone is a success",
		token: keyType,
		operation: { delete: "k1", olds: keyInputs },
		exchanges: [
			{
				request: `DELETE ${keys}/k1`,
				status: 404,
				answer: { message: "not found" },
			},
		],
	},
];

const connect = "https://connect.example/v1";
const vaultToken = "onepassword:index/getVault:getVault";
const itemToken = "onepassword:index/getItem:getItem";
const findItem = {
	request: `GET ${connect}/vaults/v/items?filter=title+eq+%22Discord%22`,
};
const item = {
	id: "i",
	title: "Discord",
	vault: { id: "v" },
	category: "API_CREDENTIAL",
	fields: [
		{ id: "credential", type: "CONCEALED", label: "credential", value: "t0k" },
	],
};

export const onepasswordTraces: Trace[] = [
	{
		title: "a vault is looked up by its name, then read",
		token: vaultToken,
		operation: { invoke: { name: "Automation" } },
		exchanges: [
			{
				request: `GET ${connect}/vaults?filter=title+eq+%22Automation%22`,
				status: 200,
				answer: [{ id: "v", name: "Automation" }],
			},
			{
				request: `GET ${connect}/vaults/v`,
				status: 200,
				answer: { id: "v", name: "Automation", description: "d" },
			},
		],
		outputs: {
			id: "vaults/v",
			uuid: "v",
			name: "Automation",
			description: "d",
		},
	},
	{
		title: "an item is looked up by its title, then read",
		token: itemToken,
		operation: { invoke: { vault: "v", title: "Discord" } },
		exchanges: [
			{ ...findItem, status: 200, answer: [{ id: "i", title: "Discord" }] },
			{
				request: `GET ${connect}/vaults/v/items/i`,
				status: 200,
				answer: item,
			},
		],
		outputs: {
			id: "vaults/v/items/i",
			category: "api_credential",
			credential: "t0k",
		},
	},
	{
		title: "after any error an id is taken for a title",
		token: itemToken,
		operation: { invoke: { vault: "v", uuid: "Discord" } },
		exchanges: [
			{
				request: `GET ${connect}/vaults/v/items/Discord`,
				status: 500,
				answer: { message: "oops" },
			},
			{ ...findItem, status: 200, answer: [] },
		],
		error: 'Found 0 item(s) in vault "v" with title "Discord"',
	},
	{
		title: "a refusal is not tried again",
		token: itemToken,
		operation: { invoke: { vault: "v", title: "Discord" } },
		exchanges: [
			{
				...findItem,
				status: 401,
				answer: { status: 401, message: "Invalid_token_signature" },
			},
		],
		error:
			"Client Error: Unable to read item, got error: status 401: Invalid_token_signature",
	},
	{
		title: "a page of a proxy is named by its status",
		token: vaultToken,
		operation: { invoke: { name: "Automation" } },
		exchanges: [
			{
				request: `GET ${connect}/vaults?filter=title+eq+%22Automation%22`,
				status: 502,
				answer: "<html>",
			},
		],
		error:
			"Client Error: Unable to read vault, got error: status 502: Bad Gateway",
	},
];
