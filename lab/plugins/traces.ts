// What the real plugins were seen to send, as data. Each trace: what the engine asks, and the requests with their
// answers, in order. Sources: tailscale 0.29.1, onepassword 1.1.3 against local servers.
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
		/** `Authorization`, where it is not the plugin's usual one. */
		authorization?: string;
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
	/** Environment of this trace; `undefined` takes a variable away. */
	environment?: Record<string, string | undefined>;
}

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
		title: "an OAuth client logs in first and sends its token from then on",
		token: keyType,
		environment: {
			TAILSCALE_API_KEY: undefined,
			TAILSCALE_OAUTH_CLIENT_ID: "client",
			TAILSCALE_OAUTH_CLIENT_SECRET: "hidden",
		},
		operation: { create: keyInputs },
		exchanges: [
			{
				request: "POST https://api.tailscale.com/api/v2/oauth/token",
				authorization: `Basic ${btoa("client:hidden")}`,
				body: "grant_type=client_credentials",
				status: 200,
				answer: { access_token: "t", token_type: "Bearer", expires_in: 3600 },
			},
			{
				...postKey,
				authorization: "Bearer t",
				status: 200,
				answer: { ...key, key: "tskey-auth-x" },
			},
		],
	},
	{
		title: "without a credential it says so before any call",
		token: keyType,
		environment: { TAILSCALE_API_KEY: undefined },
		operation: { create: keyInputs },
		exchanges: [],
		error:
			"Provider credentials error: tailscale provider credentials are empty - ",
	},
	{
		title: "a key is read by one call",
		token: keyType,
		operation: { read: "k1", olds: keyInputs },
		exchanges: [{ request: `GET ${keys}/k1`, status: 200, answer: key }],
		outputs: { invalid: false, userId: "u1", expiresAt: key.expires },
	},
	{
		title: "a used key is read as invalid",
		token: keyType,
		operation: { read: "k1", olds: keyInputs },
		exchanges: [
			{
				request: `GET ${keys}/k1`,
				status: 200,
				answer: { ...key, invalid: true },
			},
		],
		outputs: { invalid: true },
	},
	{
		title: "another rule for dead keys is one read and no change",
		token: keyType,
		operation: {
			update: "k1",
			olds: keyInputs,
			news: { ...keyInputs, recreateIfInvalid: "never" },
		},
		exchanges: [{ request: `GET ${keys}/k1`, status: 200, answer: key }],
	},
	{
		title: "a key is deleted by one call",
		token: keyType,
		operation: { delete: "k1", olds: keyInputs },
		exchanges: [{ request: `DELETE ${keys}/k1`, status: 200 }],
	},
	{
		title: "a refused deletion says so",
		token: keyType,
		operation: { delete: "k1", olds: keyInputs },
		exchanges: [
			{ request: `DELETE ${keys}/k1`, status: 500, answer: { message: "no" } },
		],
		error: "Failed to delete key: ",
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
		title: "an item is read by its id in one call",
		token: itemToken,
		operation: { invoke: { vault: "v", uuid: "i" } },
		exchanges: [
			{
				request: `GET ${connect}/vaults/v/items/i`,
				status: 200,
				answer: item,
			},
		],
		outputs: { uuid: "i", credential: "t0k" },
	},
	{
		title: "an item without a credential has none",
		token: itemToken,
		operation: { invoke: { vault: "v", uuid: "i" } },
		exchanges: [
			{
				request: `GET ${connect}/vaults/v/items/i`,
				status: 200,
				answer: { ...item, fields: [] },
			},
		],
		outputs: { credential: undefined },
	},
	{
		title: "without a credential it says so before any call",
		token: vaultToken,
		environment: { OP_CONNECT_HOST: undefined, OP_CONNECT_TOKEN: undefined },
		operation: { invoke: { name: "Automation" } },
		exchanges: [],
		error: "Client init failure: ",
	},
	{
		title: "two credentials are refused before any call",
		token: vaultToken,
		environment: { OP_SERVICE_ACCOUNT_TOKEN: "ops_x" },
		operation: { invoke: { name: "Automation" } },
		exchanges: [],
		error: "Config conflict: ",
	},
	{
		title: "a service account without op is told so",
		token: vaultToken,
		environment: {
			OP_CONNECT_HOST: undefined,
			OP_CONNECT_TOKEN: undefined,
			OP_SERVICE_ACCOUNT_TOKEN: "ops_x",
			OP_CLI_PATH: "/nowhere/op",
		},
		operation: { invoke: { name: "Automation" } },
		exchanges: [],
		error: "failed to get version of op CLI: failed to execute command: exec: ",
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
