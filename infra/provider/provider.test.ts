import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HalfMadeError, ProviderError } from "./errors.ts";
import { createProvider } from "./provider.ts";
import type { Context, Resource } from "./resource.ts";
import { type Shape, shapes, type TypeName } from "./shapes.ts";
import { failure } from "./testing.ts";

const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const secret = (value: unknown) => ({
	"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
	value,
});
const urn = (type: string) =>
	`urn:pulumi:s::p::moltbot:host:Host$moltbot:index:${type}::name`;

function provider(
	behaviour: Partial<Resource<Shape>> = {},
	env: Record<string, string> = {},
) {
	let interrupted = false;
	const made = createProvider({
		env,
		behaviours: async () => ({
			create: async () => assert.fail("not expected"),
			...behaviour,
		}),
		context: async () => ({}) as Context,
		interrupt: () => {
			interrupted = true;
		},
	});
	const need = <T>(method: T | undefined): T => {
		assert.ok(method);
		return method;
	};
	return {
		check: need(made.check),
		diff: need(made.diff),
		create: need(made.create),
		read: need(made.read),
		update: need(made.update),
		remove: need(made.delete),
		cancel: need(made.cancel),
		wasInterrupted: () => interrupted,
	};
}

const instance = {
	region: "ewr",
	plan: "vc2-2c-4gb",
	osId: 391,
	label: "moltbot",
	hostname: "moltbot",
	bucketName: "bucket-1",
	generation: 3,
	firewallGroupId: "fw",
	enableIpv6: true,
	userData: secret("canary-user-data"),
	fingerprint: "f",
};
const instanceState = {
	...instance,
	mainIp: "203.0.113.1",
	v6MainIp: "",
	dateCreated: "2026-01-01T00:00:00Z",
};

test("check gives the inputs back, with what must be secret marked so", async () => {
	const { inputs } = await provider().check(
		urn("Instance"),
		{},
		{ ...instance, userData: "canary-user-data" },
	);
	assert.deepEqual(inputs, instance);
});

test("check lets pass what is not known yet", async () => {
	const news = { ...instance, generation: unknown, userData: secret(unknown) };
	const { inputs } = await provider().check(urn("Instance"), {}, news);
	assert.deepEqual(inputs, news);
});

for (const [name, type, change, words] of [
	["a missing input", "Instance", { region: null }, /"region" is missing/],
	[
		"an input that does not exist",
		"Instance",
		{ tags: ["a"] },
		/no input "tags"; allowed are region, plan/,
	],
	[
		"a wrong type",
		"Instance",
		{ osId: "391" },
		/"osId" is not valid: .*expected number/,
	],
	["a wrong secret", "Instance", { userData: secret(5) }, /"userData"/],
	[
		"a wrong name",
		"Instance",
		{ hostname: "Mol_tbot" },
		/a host name has up to 63/,
	],
	["a type that does not exist", "Snapshot", {}, /no resource type "Snapshot"/],
] as const) {
	test(`check refuses ${name} in one sentence`, async () => {
		const error = await failure(
			provider().check(urn(type), {}, { ...instance, ...change }),
		);
		assert.equal(error.code, "invalid_input");
		assert.match(error.message, words);
	});
}

for (const [name, change, replaces, changes] of [
	["nothing", {}, [], false],
	["user-data alone", { userData: secret("other") }, [], false],
	["a label", { label: "new" }, [], true],
	["the firewall group, not known yet", { firewallGroupId: unknown }, [], true],
	["the fingerprint", { fingerprint: "g" }, ["fingerprint"], true],
	["a plan", { plan: "vhf-2c-4gb" }, ["plan"], true],
	[
		"a generation not known yet",
		{ generation: unknown, userData: secret(unknown) },
		["generation"],
		true,
	],
	[
		"a secret plan of the same value",
		{ plan: secret("vc2-2c-4gb") },
		[],
		false,
	],
] as const) {
	test(`diff of an instance when this changes: ${name}`, async () => {
		const result = await provider().diff("id", urn("Instance"), instanceState, {
			...instance,
			...change,
		});
		assert.deepEqual(result, {
			changes,
			replaces,
			deleteBeforeReplace: true,
		});
	});
}

test("an update of the bucket, whose outputs a preview does not know, replaces nothing", async () => {
	const { diff } = provider({ outdated: async () => assert.fail("asked") });
	const generation = {
		bucketName: "bucket-1",
		bucketId: "b",
		hostname: "moltbot",
		fingerprint: "f",
	};
	const result = await diff(
		"id",
		urn("Generation"),
		{ ...generation, number: 1, claimedAt: "x", adopted: false },
		{ ...generation, bucketId: unknown, fingerprint: unknown },
	);
	assert.equal(result.changes, false);
	const key = { bucketId: "b", name: "k", capabilities: ["a", "b"] };
	const keyResult = await diff(
		"id",
		urn("BucketKey"),
		{ ...key, keyId: "1", key: secret("s") },
		{ ...key, bucketId: unknown, capabilities: ["b", "a"] },
	);
	assert.equal(keyResult.changes, false);
});

test("a generation that has aged is replaced, though no input changed", async () => {
	const { diff } = provider({ outdated: async () => ["number"] });
	const inputs = {
		bucketName: "bucket-1",
		bucketId: "b",
		hostname: "moltbot",
		fingerprint: "f",
	};
	assert.deepEqual(
		await diff(
			"id",
			urn("Generation"),
			{ ...inputs, number: 1, claimedAt: "x", adopted: false },
			inputs,
		),
		{ changes: true, replaces: ["number"], deleteBeforeReplace: true },
	);
});

test("unchanged inputs are never a change, whatever outputs an older version left", () => {
	const samples: Record<string, unknown> = {
		Instance: instanceState,
		TailnetName: {
			hostname: "h",
			tag: "tag:a",
			generation: 1,
			bucketName: "bucket-1",
		},
	};
	return fc.assert(
		fc.asyncProperty(
			fc.constantFrom(...Object.keys(samples)),
			fc.dictionary(fc.stringMatching(/^x[a-z]{1,6}$/), fc.string()),
			async (type, extra) => {
				const state = samples[type] as Record<string, unknown>;
				const result = await provider().diff(
					"id",
					urn(type),
					{ ...state, ...extra },
					state,
				);
				assert.equal(result.changes, false);
			},
		),
		{ seed: 20261121 },
	);
});

test("secret outputs leave wrapped; what arrived secret stays secret", async () => {
	const { create } = provider({
		create: async (_context, inputs) => ({
			id: "1",
			state: { ...inputs, keyId: "k1", key: "canary-key" },
		}),
	});
	const { outs } = await create(urn("BucketKey"), {
		bucketId: "b",
		name: secret("n"),
		capabilities: ["listFiles"],
	});
	assert.deepEqual(outs, {
		bucketId: "b",
		name: secret("n"),
		capabilities: ["listFiles"],
		keyId: "k1",
		key: secret("canary-key"),
	});
});

test("no error carries a credential or a secret input", async () => {
	const { create } = provider(
		{
			create: async () => {
				throw new ProviderError(
					"invalid_request",
					"refused canary-user-data with canary-api-key",
				);
			},
		},
		{ VULTR_API_KEY: "canary-api-key" },
	);
	const error = await failure(create(urn("Instance"), instance));
	assert.equal(error.message, "refused [secret] with [secret]");
});

test("what exists but is not in order is kept in the state, secrets wrapped and reasons clean", async () => {
	const { create } = provider({
		create: async (_context, inputs) => {
			throw new HalfMadeError(
				new ProviderError("timeout", "slow: canary-user-data"),
				"vm-1",
				{ ...inputs, mainIp: "", v6MainIp: "", dateCreated: "" },
			);
		},
	});
	const error = await failure(create(urn("Instance"), instance));
	assert.ok(error instanceof HalfMadeError);
	assert.deepEqual(
		[error.id, error.reasons, error.message],
		["vm-1", ["slow: [secret]"], "slow: [secret]"],
	);
	assert.deepEqual(error.properties.userData, secret("canary-user-data"));
});

test("read of what is gone empties the state; without a read the state stays", async () => {
	const gone = provider({ read: async () => undefined });
	assert.deepEqual(await gone.read("vm", urn("Instance"), instanceState), {
		id: "",
		props: {},
	});
	assert.deepEqual(
		await provider().read("vm", urn("Instance"), instanceState),
		{ id: "vm", props: instanceState },
	);
});

test("a state that cannot be read says which property and what to do", async () => {
	const { remove } = provider({ delete: async () => {} });
	const error = await failure(
		remove("vm", urn("Instance"), { ...instanceState, mainIp: null }),
	);
	assert.match(error.message, /no usable "mainIp".*pulumi state delete/);
});

test("cancel interrupts what runs", async () => {
	const made = provider();
	await made.cancel();
	assert.equal(made.wasInterrupted(), true);
});

test("every shape's rules and secrets name properties that it has", () => {
	for (const type of Object.keys(shapes) as TypeName[]) {
		const { inputs, outputs, secrets, changes }: Shape = shapes[type];
		const known = new Set(Object.keys(inputs.shape));
		const ruled = [
			...changes.replace,
			...(changes.replaceWhenKnown ?? []),
			...(changes.update ?? []),
		];
		for (const key of [...ruled, ...(changes.sets ?? [])])
			assert.ok(known.has(key), `${type}: ${key} is no input`);
		assert.equal(new Set(ruled).size, ruled.length, `${type}: ruled twice`);
		for (const key of secrets)
			assert.ok(known.has(key) || key in outputs.shape, `${type}: ${key}`);
	}
});
