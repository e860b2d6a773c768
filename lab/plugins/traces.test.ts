// The contract of the stand-in plugins: what the real ones were recorded to send, call by call, with method, address,
// query, body, credential and order. What no recording covers is listed, so that nobody takes it for proven.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { commandPlugin } from "./command/command.ts";
import { onepasswordPlugin } from "./onepassword/onepassword.ts";
import { type Plugin, providerOf } from "./plugin.ts";
import { tailscalePlugin } from "./tailscale/tailscale.ts";
import { onepasswordTraces, type Trace, tailscaleTraces } from "./traces.ts";
import { type Properties, unwrap } from "./values.ts";

Object.assign(process.env, {
	TAILSCALE_API_KEY: "tailscale-key",
	OP_CONNECT_HOST: "https://connect.example",
	OP_CONNECT_TOKEN: "connect-token",
});

const authorizations: Record<string, string> = {
	tailscale: `Basic ${Buffer.from("tailscale-key:").toString("base64")}`,
	onepassword: "Bearer connect-token",
};

const userAgents: Record<string, string> = {
	tailscale: "Pulumi/3.0 (https://www.pulumi.com) pulumi-tailscale/0.29.1",
	onepassword: "op",
};

function setVariable(name: string, value: string | undefined): void {
	if (value === undefined) delete process.env[name];
	else process.env[name] = value;
}

/** JSON as what it says, anything else as it stands. */
function bodyOf(body: unknown): unknown {
	if (typeof body !== "string") return undefined;
	return body.startsWith("{") ? JSON.parse(body) : body;
}

type Make = (fetch: typeof globalThis.fetch) => Plugin;
const cases: [string, Make, Trace[]][] = [
	["tailscale", tailscalePlugin, tailscaleTraces],
	["onepassword", onepasswordPlugin, onepasswordTraces],
];
// One after the other: a trace may change the environment.
for (const [name, make, traces] of cases)
	suite(name, () => {
		for (const trace of traces)
			test(trace.title, async (t) => {
				for (const [key, value] of Object.entries(trace.environment ?? {})) {
					const before = process.env[key];
					t.after(() => setVariable(key, before));
					setVariable(key, value);
				}
				const pending = [...trace.exchanges];
				const provider = providerOf(
					make(async (address, init) => {
						const next = pending.shift();
						const request = `${init?.method ?? "GET"} ${address}`;
						assert.equal(request, next?.request);
						assert.ok(next);
						assert.deepEqual(bodyOf(init?.body), next.body);
						const sent = new Headers(init?.headers);
						assert.equal(
							sent.get("authorization"),
							next.authorization ?? authorizations[name],
						);
						assert.equal(sent.get("user-agent"), userAgents[name]);
						return answer(next);
					}),
				);
				const result = run(provider, trace);
				if (trace.error) {
					const expected = trace.error;
					await assert.rejects(result, (error: Error) => {
						assert.ok(
							error.message.includes(expected),
							`"${error.message}" lacks "${expected}"`,
						);
						return true;
					});
				} else {
					const { id, outputs } = await result;
					if (trace.gone) assert.equal(id, "");
					const found = unwrap(outputs) as Properties;
					for (const [key, value] of Object.entries(trace.outputs ?? {}))
						assert.deepEqual(found[key], value, key);
				}
				assert.deepEqual(pending, [], "requests that were not made");
			});
	});

function answer(exchange: Trace["exchanges"][number]): Response {
	const text =
		typeof exchange.answer === "string"
			? exchange.answer
			: JSON.stringify(exchange.answer);
	return new Response(exchange.status === 204 ? null : (text ?? ""), {
		status: exchange.status,
		...(exchange.headers ? { headers: exchange.headers } : {}),
	});
}

async function run(
	provider: ReturnType<typeof providerOf>,
	{ token, operation }: Trace,
): Promise<{ id?: string; outputs?: unknown }> {
	const urn = `urn:pulumi:s::p::${token}::n`;
	if ("create" in operation) {
		const { inputs } = await provider.check(urn, {}, operation.create);
		const { id, outs } = await provider.create(urn, inputs);
		return { id, outputs: outs };
	}
	if ("read" in operation) {
		const { id, props } = await provider.read(
			operation.read,
			urn,
			operation.olds,
		);
		return { id: id ?? "", outputs: props };
	}
	if ("update" in operation) {
		const { update: id, olds, news } = operation;
		return { outputs: (await provider.update(id, urn, olds, news)).outs };
	}
	if ("delete" in operation) {
		await provider.delete(operation.delete, urn, operation.olds);
		return {};
	}
	return { outputs: (await provider.invoke(token, operation.invoke)).outputs };
}

test("a secret input stays wrapped in the outputs, and a key is a secret output", async () => {
	const wrapped = (value: unknown) => ({
		"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
		value,
	});
	const provider = providerOf(
		tailscalePlugin(async () => Response.json({ id: "k", key: "tskey" })),
	);
	const urn = "urn:pulumi:s::p::tailscale:index/tailnetKey:TailnetKey::n";
	const { outs } = await provider.create(urn, { description: wrapped("d") });
	assert.deepEqual(outs.description, wrapped("d"));
	assert.deepEqual(outs.key, wrapped("tskey"));
});

test("what Tailscale fills in is no change", async () => {
	const provider = providerOf(tailscalePlugin(fetch));
	const urn = "urn:pulumi:s::p::tailscale:index/tailnetKey:TailnetKey::n";
	const news = { description: "d" };
	const olds = { ...news, userId: "u1", invalid: false };
	const same = await provider.diff("k1", urn, olds, news);
	assert.equal(same.changes, false);
	const other = await provider.diff("k1", urn, olds, { description: "e" });
	assert.deepEqual(other.replaces, ["description"]);
});

test("a changed key is a new one before the old one goes; the same key asks nobody", async () => {
	const provider = providerOf(
		tailscalePlugin(() => assert.fail("nothing is asked")),
	);
	const urn = "urn:pulumi:s::p::tailscale:index/tailnetKey:TailnetKey::n";
	const olds = {
		description: "d",
		reusable: false,
		ephemeral: false,
		preauthorized: true,
		expiry: 3600,
		tags: ["tag:a"],
	};
	const { inputs } = await provider.check(urn, {}, olds);
	assert.deepEqual(inputs, olds);
	assert.equal((await provider.diff("k1", urn, olds, olds)).changes, false);
	const others = {
		description: "e",
		reusable: true,
		ephemeral: true,
		preauthorized: false,
		expiry: 60,
		tags: ["tag:b"],
	};
	for (const [name, value] of Object.entries(others)) {
		const news = { ...olds, [name]: value };
		const diff = await provider.diff("k1", urn, olds, news);
		assert.deepEqual(diff.replaces, [name]);
		assert.equal(diff.deleteBeforeReplace, false);
	}
	for (const rule of [{ reusable: true }, { recreateIfInvalid: "always" }]) {
		const dead = { ...olds, ...rule, invalid: true };
		const diff = await provider.diff("k1", urn, dead, { ...olds, ...rule });
		assert.deepEqual(diff.replaces, ["id"]);
	}
});

/**
 * What the stand-ins do without a recording of the real plugin, and what they follow instead. Each has a test of its
 * own or is exercised by the engine tests.
 */
const notRecorded: Record<string, string> = {
	"create tailscale:index/acl:Acl": "the provider's documentation and source",
	"read tailscale:index/acl:Acl": "the provider's documentation and source",
	"update tailscale:index/acl:Acl": "the provider's documentation and source",
	"delete tailscale:index/acl:Acl": "the provider's documentation and source",
	// Recorded as SSH, which command/command.test.ts replays against a server.
	"create command:remote:Command": "command.test.ts",
	"update command:remote:Command": "command.test.ts",
	"delete command:remote:Command": "command.test.ts",
	"read command:remote:Command": "it asks nobody",
};

test("every operation of a stand-in is recorded or said not to be", () => {
	const can = [
		...cases.map(([, make]) => make(fetch)),
		commandPlugin(),
	].flatMap((plugin) => [
		...Object.keys(plugin.resources ?? {}).flatMap((token) =>
			["create", "read", "update", "delete"].map((verb) => `${verb} ${token}`),
		),
		...Object.keys(plugin.functions ?? {}).map((token) => `invoke ${token}`),
	]);
	const recorded = new Set(
		cases.flatMap(([, , traces]) =>
			traces
				.filter((trace) => trace.exchanges.length > 0)
				.map(({ operation, token }) => `${Object.keys(operation)[0]} ${token}`),
		),
	);
	assert.deepEqual(
		can.filter((operation) => !recorded.has(operation)).sort(),
		Object.keys(notRecorded).sort(),
	);
});
