import assert from "node:assert/strict";
import { suite, test } from "node:test";
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

type Make = (fetch: typeof globalThis.fetch) => Plugin;
const cases: [string, Make, Trace[]][] = [
	["tailscale", tailscalePlugin, tailscaleTraces],
	["onepassword", onepasswordPlugin, onepasswordTraces],
];
for (const [name, make, traces] of cases)
	suite(name, { concurrency: true }, () => {
		for (const trace of traces)
			test(trace.title, async () => {
				const pending = [...trace.exchanges];
				const provider = providerOf(
					make(async (address, init) => {
						const next = pending.shift();
						const request = `${init?.method ?? "GET"} ${address}`;
						assert.equal(request, next?.request);
						const body = init?.body ? JSON.parse(String(init.body)) : undefined;
						assert.deepEqual(body, next?.body);
						const sent = new Headers(init?.headers).get("authorization");
						assert.equal(sent, authorizations[name]);
						assert.ok(next);
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
