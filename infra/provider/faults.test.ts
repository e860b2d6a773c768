// Every API × every fault × every kind of call: a retry that succeeds and makes nothing twice, or one sentence that names
// API, doing, credential or setting, and the remedy; never a stack trace, never a token.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { FaultInput } from "../../lab/clouds/faults.ts";
import { labPolicy } from "../../lab/clouds/tailscale/policy.ts";
import { B2 } from "./clients/b2.ts";
import { operatorStore } from "./clients/onepassword.ts";
import { Registry } from "./clients/registry.ts";
import { Tailscale } from "./clients/tailscale.ts";
import { type ErrorCode, ProviderError } from "./errors.ts";
import { type Answer, type Call, Http, type RetryPolicy } from "./http.ts";
import type { Context } from "./resource.ts";
import { credentials, quick, startStack, type TestStack } from "./testing.ts";

/** What is asked of an API, and what is known of it. */
interface Kind {
	/** Where a fault hits it. */
	readonly method: string;
	readonly path: RegExp;
	/** What every error says it was doing. */
	readonly doing: RegExp;
	/** Makes what the call needs; gives the call and, for one that makes something, how many of it there are. */
	prepare(stack: Stack): Promise<{
		call: () => Promise<unknown>;
		made?: () => Promise<number>;
	}>;
	/** Statuses that are an answer and no fault. */
	readonly answers?: Readonly<Record<number, unknown>>;
}

/** A stack with numbers for names, because its calls are prepared again and again. */
interface Stack extends TestStack {
	next(): string;
}

interface Api {
	readonly cloud: string;
	readonly name: string;
	/** What a refused credential is called. */
	readonly credential: RegExp;
	/** Where to look when the service is down. */
	readonly status: RegExp;
	readonly kinds: Readonly<Record<string, Kind>>;
}

const order = (label: string, tags: string[]) => ({
	region: "ewr",
	plan: "vc2-2c-4gb",
	os_id: 391,
	label,
	hostname: label,
	tags,
	firewall_group_id: "",
	enable_ipv6: true,
	user_data: "e30=",
	backups: "disabled" as const,
	activation_email: false as const,
});

const create = async ({ vultr }: Context, label: string): Promise<string> =>
	vultr.createInstance(
		order(label, [label]),
		async () => (await vultr.instancesTagged(label))[0]?.id,
		{},
	);

const wall = async ({ vultr }: Context, description: string) =>
	vultr.createFirewallGroup(
		description,
		async () => (await vultr.firewallGroups(description))[0]?.id,
	);

const vultr: Api = {
	cloud: "vultr",
	name: "Vultr",
	credential: /VULTR_API_KEY/,
	status: /status\.vultr\.com/,
	kinds: {
		"listing VMs": {
			method: "GET",
			path: /^\/v2\/instances$/,
			doing: /looking for VMs tagged "moltbot"/,
			prepare: async ({ context }) => ({
				call: () => context.vultr.instancesTagged("moltbot"),
			}),
		},
		"reading a VM": {
			method: "GET",
			path: /^\/v2\/instances\/./,
			doing: /reading the VM \S+/,
			answers: { 404: undefined },
			async prepare({ context, next }) {
				const id = await create(context, next());
				return { call: () => context.vultr.instance(id) };
			},
		},
		"creating a VM": {
			method: "POST",
			path: /^\/v2\/instances$/,
			doing: /creating the VM "n\d+"/,
			async prepare({ context, next }) {
				const label = next();
				return {
					call: () => create(context, label),
					made: async () => (await context.vultr.instancesTagged(label)).length,
				};
			},
		},
		"changing a VM": {
			method: "PATCH",
			path: /^\/v2\/instances\/./,
			doing: /changing the VM \S+/,
			async prepare({ context, next }) {
				const id = await create(context, next());
				return {
					call: () => context.vultr.updateInstance(id, { label: "other" }),
				};
			},
		},
		"deleting a VM": {
			method: "DELETE",
			path: /^\/v2\/instances\/./,
			doing: /deleting the VM \S+/,
			answers: { 404: false },
			async prepare({ context, next }) {
				const id = await create(context, next());
				return { call: () => context.vultr.deleteInstance(id) };
			},
		},
		"listing firewall groups": {
			method: "GET",
			path: /^\/v2\/firewalls$/,
			doing: /listing firewall groups/,
			prepare: async ({ context }) => ({
				call: () => context.vultr.firewallGroups("none"),
			}),
		},
		"reading a firewall group": {
			method: "GET",
			path: /^\/v2\/firewalls\/./,
			doing: /reading the firewall group \S+/,
			answers: { 404: undefined },
			async prepare({ context, next }) {
				const id = await wall(context, next());
				return { call: () => context.vultr.firewallGroup(id) };
			},
		},
		"creating a firewall group": {
			method: "POST",
			path: /^\/v2\/firewalls$/,
			doing: /creating the firewall group "n\d+"/,
			async prepare({ context, next }) {
				const description = next();
				return {
					call: () => wall(context, description),
					made: async () =>
						(await context.vultr.firewallGroups(description)).length,
				};
			},
		},
		"changing a firewall group": {
			method: "PUT",
			path: /^\/v2\/firewalls\/./,
			doing: /changing the firewall group \S+/,
			async prepare({ context, next }) {
				const id = await wall(context, next());
				return { call: () => context.vultr.renameFirewallGroup(id, "other") };
			},
		},
		"deleting a firewall group": {
			method: "DELETE",
			path: /^\/v2\/firewalls\/./,
			doing: /deleting the firewall group \S+/,
			answers: { 404: false },
			async prepare({ context, next }) {
				const id = await wall(context, next());
				return { call: () => context.vultr.deleteFirewallGroup(id) };
			},
		},
		...reading({
			"reading the account": ["account", /reading the account/],
			"listing plans": ["plans", /listing plans/],
			"listing operating systems": ["os", /listing operating systems/],
			"listing regions": ["regions", /listing regions/],
			"asking what is available": [
				"regions/ewr/availability",
				/available in region "ewr"/,
			],
		}),
	},
};

function reading(
	calls: Record<string, readonly [path: string, doing: RegExp]>,
): Record<string, Kind> {
	const asked: Record<string, (context: Context) => Promise<unknown>> = {
		account: (c) => c.vultr.account(),
		plans: (c) => c.vultr.plans(),
		os: (c) => c.vultr.operatingSystems(),
		regions: (c) => c.vultr.regions(),
		"regions/ewr/availability": (c) => c.vultr.availablePlans("ewr"),
	};
	return Object.fromEntries(
		Object.entries(calls).map(([name, [path, doing]]) => [
			name,
			{
				method: "GET",
				path: new RegExp(`^/v2/${path}$`),
				doing,
				prepare: async ({ context }) => ({
					call: async () => asked[path]?.(context),
				}),
			} satisfies Kind,
		]),
	);
}

const tailscale: Api = {
	cloud: "tailscale",
	name: "Tailscale",
	credential: /TAILSCALE_API_KEY/,
	status: /status\.tailscale\.com/,
	kinds: {
		"listing devices": {
			method: "GET",
			path: /\/devices$/,
			doing: /listing the devices/,
			prepare: async ({ context }) => ({
				call: () => context.tailscale.devices(),
			}),
		},
		"removing a device": {
			method: "DELETE",
			path: /\/device\/./,
			doing: /removing the device \S+/,
			answers: { 404: false },
			async prepare({ context, coordination, next }) {
				const { id } = coordination.addDevice({ hostname: next() });
				return { call: () => context.tailscale.deleteDevice(id) };
			},
		},
		"reading the policy": {
			method: "GET",
			path: /\/acl$/,
			doing: /reading the tailnet policy/,
			prepare: async ({ context }) => ({
				call: () => context.tailscale.policy(),
			}),
		},
		"making a join key": {
			method: "POST",
			path: /\/keys$/,
			doing: /making the join key/,
			async prepare({ context, next }) {
				const description = next();
				return {
					call: () =>
						context.tailscale.createKey({
							description,
							tag: "tag:moltbot",
							expirySeconds: 3600,
						}),
					made: async () =>
						(await context.tailscale.keys()).filter(
							(key) => key.description === description,
						).length,
				};
			},
		},
		"revoking a join key": {
			method: "DELETE",
			path: /\/keys\/./,
			doing: /revoking the join key \S+/,
			answers: { 404: undefined },
			async prepare({ context, next }) {
				const { id } = await context.tailscale.createKey({
					description: next(),
					tag: "tag:moltbot",
					expirySeconds: 3600,
				});
				return { call: () => context.tailscale.deleteKey(id) };
			},
		},
		"writing the policy": {
			method: "POST",
			path: /\/acl$/,
			doing: /writing the tailnet policy/,
			prepare: async ({ context }) => ({
				call: () => context.tailscale.writePolicy(labPolicy),
			}),
		},
		"logging in": {
			method: "POST",
			path: /\/oauth\/token$/,
			doing: /logging in with the OAuth client/,
			async prepare({ context }) {
				const client = new Tailscale(context.http, {
					TAILSCALE_OAUTH_CLIENT_ID: "client",
					TAILSCALE_OAUTH_CLIENT_SECRET: oauthSecret,
				});
				return { call: () => client.devices() };
			},
		},
	},
};
const oauthSecret = "canary-oauth-secret";

const files = "claims/a.json";
const newBucket = async ({ context, next }: Stack) => {
	const name = `bucket-${next()}`;
	const { bucketId } = await context.b2.createBucket(name, bucketSettings);
	return { name, bucketId };
};
const bucketSettings = {
	bucketType: "allPrivate" as const,
	bucketInfo: {},
	lifecycleRules: [],
};
const anything = { safeParse: (data: unknown) => ({ success: true, data }) };

const backblaze: Api = {
	cloud: "backblaze",
	name: "Backblaze B2",
	credential: /B2_APPLICATION_KEY_ID and B2_APPLICATION_KEY/,
	status: /status\.backblaze\.com/,
	kinds: {
		"logging in": {
			method: "GET",
			path: /b2_authorize_account/,
			doing: /logging in/,
			prepare: async ({ context, env }) => ({
				call: () => new B2(context.http, env).rights(),
			}),
		},
		"looking for a bucket": {
			method: "POST",
			path: /b2_list_buckets/,
			doing: /looking for the bucket "none"/,
			prepare: async ({ context }) => ({
				call: () => context.b2.bucket("none"),
			}),
		},
		"creating a bucket": {
			method: "POST",
			path: /b2_create_bucket/,
			doing: /creating the bucket "bucket-n\d+"/,
			async prepare({ context, next }) {
				const name = `bucket-${next()}`;
				return {
					call: () => context.b2.createBucket(name, bucketSettings),
					made: async () => ((await context.b2.bucket(name)) ? 1 : 0),
				};
			},
		},
		"changing a bucket": {
			method: "POST",
			path: /b2_update_bucket/,
			doing: /changing the bucket "bucket-n\d+"/,
			async prepare(stack) {
				const { name: bucketName, bucketId } = await newBucket(stack);
				return {
					call: () =>
						stack.context.b2.updateBucket(
							{ bucketId, bucketName },
							{ bucketInfo: { moltbot: "backup" } },
						),
				};
			},
		},
		"listing keys": {
			method: "POST",
			path: /b2_list_keys/,
			doing: /listing application keys/,
			prepare: async ({ context }) => ({
				call: () => context.b2.keysNamed("none"),
			}),
		},
		"creating a key": {
			method: "POST",
			path: /b2_create_key/,
			doing: /creating the key "key-n\d+"/,
			async prepare(stack) {
				const { b2 } = stack.context;
				const { bucketId } = await newBucket(stack);
				const name = `key-${stack.next()}`;
				return {
					call: () => b2.createKey(name, bucketId, ["listFiles"], undefined),
					made: async () => (await b2.keysNamed(name)).length,
				};
			},
		},
		"deleting a key": {
			method: "POST",
			path: /b2_delete_key/,
			doing: /deleting the key \S+/,
			answers: { 404: false },
			async prepare(stack) {
				const { b2 } = stack.context;
				const { bucketId } = await newBucket(stack);
				const { applicationKeyId } = await b2.createKey(
					`key-${stack.next()}`,
					bucketId,
					["listFiles"],
					undefined,
				);
				return { call: () => b2.deleteKey(applicationKeyId) };
			},
		},
		"listing files": {
			method: "POST",
			path: /b2_list_file_names/,
			doing: /listing claims\* in the bucket/,
			async prepare(stack) {
				const { bucketId } = await newBucket(stack);
				return { call: () => stack.context.b2.files(bucketId, "claims") };
			},
		},
		"listing versions": {
			method: "POST",
			path: /b2_list_file_versions/,
			doing: /listing the versions of claims\/a\.json/,
			async prepare(stack) {
				const { bucketId } = await newBucket(stack);
				return { call: () => stack.context.b2.versions(bucketId, files) };
			},
		},
		"asking where to write": {
			method: "POST",
			path: /b2_get_upload_url/,
			doing: /writing claims\/a\.json into the bucket/,
			async prepare(stack) {
				const { bucketId } = await newBucket(stack);
				return { call: () => stack.context.b2.upload(bucketId, files, "{}") };
			},
		},
		"writing a file": {
			method: "POST",
			path: /b2_upload_file/,
			doing: /writing claims\/a\.json into the bucket/,
			async prepare(stack) {
				const { b2 } = stack.context;
				const { bucketId } = await newBucket(stack);
				return {
					call: () => b2.upload(bucketId, files, "{}"),
					// Versions of one file with one content: readers see one.
					made: async () => (await b2.files(bucketId, files)).length,
				};
			},
		},
		"reading a file": {
			method: "GET",
			path: /^\/file\//,
			doing: /reading claims\/a\.json from the bucket "bucket-n\d+"/,
			answers: { 404: undefined },
			async prepare(stack) {
				const { b2 } = stack.context;
				const { bucketId, name } = await newBucket(stack);
				await b2.upload(bucketId, files, "{}");
				return { call: () => b2.download(name, files, anything as never) };
			},
		},
		"deleting a version": {
			method: "POST",
			path: /b2_delete_file_version/,
			doing: /deleting a version of claims\/a\.json/,
			async prepare(stack) {
				const { b2 } = stack.context;
				const { bucketId } = await newBucket(stack);
				const { fileId } = await b2.upload(bucketId, files, "{}");
				return { call: () => b2.deleteVersion(files, fileId ?? "") };
			},
		},
		"listing all versions": {
			method: "POST",
			path: /b2_list_file_versions/,
			doing: /listing all versions in the bucket/,
			async prepare(stack) {
				const { bucketId } = await newBucket(stack);
				return { call: () => stack.context.b2.allVersions(bucketId).next() };
			},
		},
		"copying a file": {
			method: "POST",
			path: /b2_copy_file/,
			doing: /copying claims\/b\.json/,
			async prepare(stack) {
				const { b2 } = stack.context;
				const { bucketId } = await newBucket(stack);
				const { fileId } = await b2.upload(bucketId, files, "{}");
				const name = "claims/b.json";
				return {
					call: () => b2.copyFile(fileId ?? "", name, bucketId),
					made: async () => (await b2.files(bucketId, name)).length,
				};
			},
		},
		"deleting a bucket": {
			method: "POST",
			path: /b2_delete_bucket/,
			doing: /deleting the bucket/,
			async prepare(stack) {
				const { bucketId } = await newBucket(stack);
				return { call: () => stack.context.b2.deleteBucket(bucketId) };
			},
		},
	},
};

const image = `ghcr.io/owner/image@sha256:${"0123456789abcdef".repeat(4)}`;
const onepassword: Api = {
	cloud: "onepassword",
	name: "1Password Connect",
	credential: /OP_CONNECT_TOKEN/,
	status: /status\.1password\.com/,
	kinds: {
		"listing vaults": {
			method: "GET",
			path: /\/vaults$/,
			doing: /listing vaults/,
			prepare: async ({ context }) => {
				const store = await operatorStore(context.http, credentials);
				return { call: () => store.vaults() };
			},
		},
		"reading a secret": {
			method: "GET",
			path: /\/items\/./,
			doing: /reading an item/,
			prepare: async ({ context }) => {
				const store = await operatorStore(context.http, credentials);
				const [vault] = await store.vaults();
				const [item] = await store.items(vault?.id ?? "");
				return { call: () => store.value(vault?.id ?? "", item?.id ?? "") };
			},
		},
	},
};

const registry: Api = {
	cloud: "registry",
	name: "ghcr.io",
	credential: /no credential \(public images only\)/,
	status: /its status page/,
	kinds: {
		"looking for an image": {
			method: "HEAD",
			path: /\/manifests\//,
			doing: /looking for owner\/image@sha256:/,
			// What may not be pulled without a login is not there for the host.
			answers: { 401: false, 403: false, 404: false },
			prepare: async ({ context }) => ({
				call: () => new Registry(context.http).exists(image),
			}),
		},
		"asking for a token": {
			method: "GET",
			path: /\/token$/,
			doing: /asking for a token to pull owner\/image/,
			answers: { 401: false, 403: false, 404: false },
			prepare: async ({ context }) => ({
				call: () => new Registry(context.http).exists(image),
			}),
		},
	},
};

const apis = [vultr, tailscale, backblaze, onepassword, registry];

/** What must be in an error of this kind, beside API and doing. */
const remedies: Partial<Record<ErrorCode, (api: Api) => RegExp>> = {
	credential_refused: ({ credential }) => credential,
	not_allowed: ({ credential }) => credential,
	not_found: () => /pulumi up --refresh|TAILSCALE_TAILNET/,
	conflict: () => /Wait a minute and run the command again/,
	invalid_request: () => /settings|pulumi config set/,
	rate_limited: () => /Wait a few minutes and run the command again/,
	unavailable: ({ status }) => status,
	unexpected_answer: () => /HTTPS_PROXY/,
	network: () => /network of this machine and HTTPS_PROXY/,
	timeout: ({ status }) => status,
};

const page = "<html><h1>Sign in to the network</h1></html>";
const html = { "content-type": "text/html" };
/** Longer than anybody waits; it ends with the connection. */
const hang = { delay: 600_000 };
const { signal } = new AbortController();
/** On a busy machine only what is never answered may come too late. */
const patient: RetryPolicy = {
	...quick,
	attemptTimeout: 60_000,
	deadline: 120_000,
};

/** Gives up soon on the calls of one kind: on every attempt, or on the first alone. */
class Impatient extends Http {
	readonly #kind: Kind;
	readonly #quick: Http;

	constructor(kind: Kind, policy: RetryPolicy, always: boolean) {
		super(signal, policy);
		this.#kind = kind;
		let attempts = 0;
		this.#quick = new Http(signal, {
			...policy,
			get attemptTimeout() {
				attempts += 1;
				return always || attempts === 1 ? 100 : policy.attemptTimeout;
			},
		});
	}

	override send<T>(call: Call<T>): Promise<Answer<T>> {
		const hit =
			call.method === this.#kind.method &&
			this.#kind.path.test(new URL(call.url).pathname);
		return hit ? this.#quick.send(call) : super.send(call);
	}
}

/** For ever, and what comes of it. */
const lasting: readonly [
	name: string,
	action: FaultInput["action"],
	code: ErrorCode,
][] = [
	["401", { status: 401 }, "credential_refused"],
	["403", { status: 403 }, "not_allowed"],
	["404", { status: 404 }, "not_found"],
	["409", { status: 409 }, "conflict"],
	["422", { status: 422 }, "invalid_request"],
	["429", { status: 429 }, "rate_limited"],
	["500", { status: 500 }, "unavailable"],
	["503", { status: 503, body: page, headers: html }, "unavailable"],
	["HTML", { status: 200, body: page, headers: html }, "unexpected_answer"],
	["reset", "reset", "network"],
	["time-out", hang, "timeout"],
];

/** Once, and gone when it is asked again. */
const passing: readonly [name: string, action: FaultInput["action"]][] = [
	["429", { status: 429, headers: { "retry-after": "0" } }],
	["500", { status: 500 }],
	["503", { status: 503, body: page, headers: html }],
	["reset", "reset"],
	["reset after the deed", "after"],
	["time-out", hang],
	["time-out after the deed", { ...hang, after: true }],
];

const {
	B2_APPLICATION_KEY_ID: _name,
	OP_CONNECT_HOST: _host,
	...keys
} = credentials;
const secrets = [...Object.values(keys), oauthSecret];

for (const api of apis)
	suite(`faults of ${api.name}`, () => {
		for (const [name, kind] of Object.entries(api.kinds))
			test(name, async (t) => {
				let number = 0;
				const stack = await startStack(t, {
					tailscale: {
						oauthClients: [
							{ id: "client", secret: oauthSecret, scopes: ["devices:core"] },
						],
					},
					registry: {},
				});
				const meet = async (action: FaultInput["action"], count: 1 | null) => {
					const late = typeof action === "object" && "delay" in action;
					// What lasts is as well seen in two attempts.
					const policy = { ...patient, attempts: count ? 4 : 2 };
					const prepared = await kind.prepare({
						...stack,
						context: stack.restarted(
							late
								? new Impatient(kind, policy, count === null)
								: new Http(signal, policy),
						),
						next: () => `n${++number}`,
					});
					const { method, path } = kind;
					await stack.lab.control.fault({
						cloud: api.cloud,
						method,
						path: path.source,
						count,
						action,
					});
					const outcome = await prepared.call().then(
						(value: unknown) => ({ value }),
						(error: unknown) => ({ error }),
					);
					await stack.lab.control.clearFaults();
					return { ...outcome, made: await prepared.made?.() };
				};
				for (const [fault, action, code] of lasting)
					await t.test(`${fault} for ever`, async () => {
						const outcome = await meet(action, null);
						const status = Number(fault);
						if (kind.answers && status in kind.answers) {
							assert.ok("value" in outcome, String(Object.values(outcome)[0]));
							assert.equal(outcome.value, kind.answers[status]);
						} else {
							assert.ok("error" in outcome);
							assertClear(api, kind, outcome.error, code);
						}
					});
				for (const [fault, action] of passing)
					await t.test(`${fault} once`, async () => {
						const outcome = await meet(action, 1);
						assert.ok("value" in outcome, String(Object.values(outcome)[0]));
						assert.ok(outcome.made === undefined || outcome.made === 1);
					});
			});
	});

function assertClear(
	api: Api,
	kind: Kind,
	error: unknown,
	code: ErrorCode,
): void {
	assert.ok(error instanceof ProviderError, String(error));
	const { message } = error;
	assert.equal(error.code, code, message);
	assert.ok(message.startsWith(`${api.name}, `), message);
	assert.match(message, kind.doing);
	assert.match(message, remedies[code]?.(api) ?? /never/);
	assert.doesNotMatch(message, /\n\s+at |undefined|\[object/);
	for (const secret of secrets)
		assert.ok(!message.includes(secret), `${secret} in: ${message}`);
}
