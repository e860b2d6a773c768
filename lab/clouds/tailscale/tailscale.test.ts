import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { startTestLab, temporaryDirectory } from "../testing.ts";
import { parseHuJson } from "./hujson.ts";
import { createTailscale, JoinError, type TailscaleOptions } from "./index.ts";

const base = "https://api.tailscale.com/api/v2";
const admin = { authorization: `Basic ${btoa("tskey-api-lab:")}` };
const moltbot = { "tag:moltbot": ["autogroup:admin"] };

async function start(
	t: TestContext,
	options: TailscaleOptions & { stateDir?: string } = {},
) {
	const { stateDir = temporaryDirectory(t), ...tailscale } = options;
	const made: ReturnType<typeof createTailscale>[] = [];
	const lab = await startTestLab(
		t,
		(world) => {
			made.push(createTailscale(world, tailscale));
			return made;
		},
		{ stateDir },
	);
	const api = (
		method: string,
		path: string,
		body?: unknown,
		headers: Record<string, string> = admin,
	) =>
		lab.call(method, base + path, {
			headers,
			...(body === undefined ? {} : { body }),
		});
	const coordination = made[0]?.coordination;
	assert.ok(coordination);
	return { lab, api, coordination };
}

function keyBody(create: Record<string, unknown> = {}, rest = {}) {
	return {
		capabilities: {
			devices: {
				create: {
					reusable: false,
					ephemeral: false,
					preauthorized: true,
					tags: ["tag:moltbot"],
					...create,
				},
			},
		},
		expirySeconds: 3600,
		description: "moltbot g1 bucket-name",
		...rest,
	};
}

test("a key as the recorded trace: create, read, list, delete", async (t) => {
	const { api } = await start(t);
	const made = await api("POST", "/tailnet/-/keys", keyBody());
	assert.equal(made.status, 200);
	const { key, ...rest } = made.json;
	assert.match(key, /^tskey-auth-k\w+CNTRL-\w+$/);
	assert.equal(rest.keyType, "auth");
	assert.equal(Date.parse(rest.expires) - Date.parse(rest.created), 3_600_000);
	assert.equal(rest.invalid, false);
	const path = `/tailnet/-/keys/${rest.id}`;
	assert.deepEqual(
		(await api("GET", path)).json,
		rest,
		"the secret is shown once",
	);
	assert.deepEqual((await api("GET", "/tailnet/lab.test/keys")).json.keys, [
		{ id: rest.id, keyType: "auth", description: "moltbot g1 bucket-name" },
	]);
	assert.equal((await api("DELETE", path)).status, 200);
	assert.deepEqual((await api("DELETE", path)).json, {
		message: "key not found",
	});
	assert.equal((await api("GET", path)).status, 404);
});

test("keys are refused with the API's words", async (t) => {
	const { api } = await start(t);
	const cases: [unknown, string][] = [
		[
			keyBody({ tags: ["tag:nope"] }),
			"requested tags [tag:nope] are invalid or not permitted",
		],
		[
			keyBody({}, { description: "x".repeat(51) }),
			"description may have up to 50 letters, digits, hyphens, underscores and spaces",
		],
		[
			keyBody({}, { expirySeconds: 7_776_001 }),
			"expirySeconds must be between 1 and 7776000",
		],
		[{}, "invalid request body"],
	];
	for (const [body, message] of cases) {
		const answer = await api("POST", "/tailnet/-/keys", body);
		assert.equal(answer.status, 400);
		assert.deepEqual(answer.json, { message });
	}
	const long = await api(
		"POST",
		"/tailnet/-/keys",
		keyBody({}, { expirySeconds: 0 }),
	);
	assert.equal(long.json.expirySeconds, 7_776_000);
	assert.equal((await api("GET", "/tailnet/other/keys")).status, 404);
	for (const headers of [{}, { authorization: "Bearer wrong" }] as Record<
		string,
		string
	>[]) {
		const answer = await api("GET", "/tailnet/-/keys", undefined, headers);
		assert.equal(answer.status, 401);
		assert.deepEqual(answer.json, { message: "API token invalid" });
	}
});

test("a host joins: one-off, expired and deleted keys, tags, numbered names", async (t) => {
	const { lab, api, coordination } = await start(t);
	const newKey = async (create = {}, rest = {}) =>
		(await api("POST", "/tailnet/-/keys", keyBody(create, rest))).json;
	const refused = (authKey: string, message: string) =>
		assert.throws(
			() => coordination.join({ authKey, hostname: "moltbot" }),
			(error: unknown) =>
				error instanceof JoinError && error.message === message,
		);

	const once = await newKey();
	const host = coordination.join({ authKey: once.key, hostname: "moltbot" });
	refused(once.key, "authkey already used");
	assert.equal(
		(await api("GET", `/tailnet/-/keys/${once.id}`)).json.invalid,
		true,
	);

	const old = await newKey();
	const late = await newKey({ reusable: true });
	await lab.control.advanceClock(3_600_000);
	refused(old.key, "authkey expired");
	refused(late.key, "authkey expired");
	const dropped = await newKey();
	await api("DELETE", `/tailnet/-/keys/${dropped.id}`);
	refused(dropped.key, "invalid pre auth key");
	refused("nonsense", "invalid pre auth key");

	const again = coordination.join({
		authKey: (await newKey()).key,
		hostname: "moltbot",
		address: "127.0.0.1",
	});
	assert.equal(again.givenName, "moltbot-1");
	const { devices } = (await api("GET", "/tailnet/-/devices")).json;
	assert.deepEqual(
		devices.map((one: Record<string, unknown>) => [
			one.hostname,
			one.name,
			one.tags,
			one.connectedToControl,
			one.keyExpiryDisabled,
		]),
		[
			["moltbot", "moltbot.tailnet.test", ["tag:moltbot"], true, true],
			["moltbot", "moltbot-1.tailnet.test", ["tag:moltbot"], true, true],
		],
	);
	assert.equal(devices[1].addresses[0], "127.0.0.1");

	assert.ok(coordination.setOnline(host.id, false));
	const offline = (await api("GET", `/device/${host.id}`)).json;
	assert.equal(offline.connectedToControl, false);
	assert.ok(Date.parse(offline.lastSeen) > 0);
	assert.equal((await api("DELETE", `/device/${offline.nodeId}`)).status, 200);
	const gone = await api("DELETE", `/device/${host.id}`);
	assert.equal(gone.status, 404);
	assert.equal(gone.json.message, "no manageable device matching nodeID found");
	assert.equal(coordination.setOnline(host.id, true), false);
	const third = coordination.join({
		authKey: (await newKey()).key,
		hostname: "moltbot",
	});
	assert.equal(third.givenName, "moltbot", "the name is free again");
});

test("an ephemeral node goes when it was silent for an hour", async (t) => {
	const { lab, api, coordination } = await start(t);
	const { key } = (
		await api("POST", "/tailnet/-/keys", keyBody({ ephemeral: true }))
	).json;
	const device = coordination.join({ authKey: key, hostname: "brief" });
	await lab.control.advanceClock(7_200_000);
	const count = async () =>
		(await api("GET", "/tailnet/-/devices")).json.devices.length;
	assert.equal(await count(), 1);
	coordination.setOnline(device.id, false);
	await lab.control.advanceClock(3_600_000);
	assert.equal(await count(), 0);
});

test("OAuth clients: token, scopes, and tags that must be all of the client's or owned by one of them", async (t) => {
	const { lab, api } = await start(t, {
		policy: JSON.stringify({
			tagOwners: {
				...moltbot,
				"tag:ci": ["autogroup:admin"],
				"tag:owner": ["autogroup:admin"],
				"tag:owned": ["tag:owner"],
			},
		}),
		oauthClients: [
			{
				id: "two",
				secret: "s",
				scopes: ["auth_keys"],
				tags: ["tag:moltbot", "tag:ci"],
			},
			{
				id: "owner",
				secret: "s",
				scopes: ["auth_keys", "devices:core:read"],
				tags: ["tag:owner"],
			},
		],
	});
	const login = async (id: string) => {
		const answer = await lab.call("POST", `${base}/oauth/token`, {
			headers: {
				authorization: `Basic ${btoa(`${id}:s`)}`,
				"content-type": "application/x-www-form-urlencoded",
			},
			body: "grant_type=client_credentials",
		});
		assert.equal(answer.json.token_type, "Bearer");
		assert.equal(answer.json.expires_in, 3600);
		return { authorization: `Bearer ${answer.json.access_token}` };
	};
	const form = await lab.call("POST", `${base}/oauth/token`, {
		headers: { "content-type": "application/x-www-form-urlencoded" },
		body: "client_id=two&client_secret=s",
	});
	assert.equal(form.status, 200);
	const wrong = await lab.call("POST", `${base}/oauth/token`, {
		headers: { "content-type": "application/x-www-form-urlencoded" },
		body: "client_id=two&client_secret=x",
	});
	assert.equal(wrong.status, 401);

	const make = async (who: string, tags: string[]) =>
		(await api("POST", "/tailnet/-/keys", keyBody({ tags }), await login(who)))
			.status;
	assert.equal(await make("two", ["tag:moltbot"]), 400, "a part is refused");
	assert.equal(await make("two", ["tag:ci", "tag:moltbot"]), 200);
	assert.equal(await make("two", []), 400);
	assert.equal(await make("owner", ["tag:owned"]), 200);
	assert.equal(await make("owner", ["tag:ci"]), 400);

	const owner = await login("owner");
	assert.equal(
		(await api("GET", "/tailnet/-/devices", undefined, owner)).status,
		200,
	);
	for (const [method, path] of [
		["DELETE", "/device/1"],
		["GET", "/tailnet/-/acl"],
	] as const) {
		const answer = await api(method, path, undefined, owner);
		assert.equal(answer.status, 403);
		assert.match(answer.json.message, /does not have enough permissions/);
	}
	await lab.control.advanceClock(3_600_000);
	assert.equal(
		(await api("GET", "/tailnet/-/devices", undefined, owner)).status,
		401,
	);
});

test("the policy: JSON or HuJSON as asked, changed under its ETag", async (t) => {
	const { api } = await start(t);
	const json = await api("GET", "/tailnet/-/acl", undefined, {
		...admin,
		accept: "application/json",
	});
	assert.deepEqual(json.json.tagOwners, moltbot);
	assert.deepEqual(json.json.ssh[0].users, ["core"]);
	const raw = await api("GET", "/tailnet/-/acl");
	assert.match(String(raw.headers["content-type"]), /hujson/);
	assert.match(raw.text, /\/\/ Who may hand out/);
	const etag = String(raw.headers.etag);
	assert.equal(json.headers.etag, etag);

	const set = (text: string, match: string) =>
		api("POST", "/tailnet/-/acl", text, { ...admin, "if-match": match });
	assert.equal((await set("{}", '"other"')).status, 412);
	assert.equal((await set("{ nonsense", etag)).status, 400);
	assert.equal((await set("{}", etag)).status, 200);
	const after = await api("POST", "/tailnet/-/keys", keyBody());
	assert.equal(after.status, 400, "the tag is no longer defined");
});

test("HuJSON: comments and trailing commas anywhere, strings untouched", () => {
	assert.deepEqual(
		parseHuJson(
			'{ // a "b"\n "u": "http://x/*y*/,}", /* c */ "l": [1, 2, /* d */ ], }',
		),
		{ u: "http://x/*y*/,}", l: [1, 2] },
	);
	assert.deepEqual(parseHuJson('{"a": [1, // x ]\n 2 /* ] */, 3]}'), {
		a: [1, 2, 3],
	});
	assert.throws(() => parseHuJson("{ // only"), SyntaxError);
	fc.assert(
		fc.property(fc.jsonValue(), fc.boolean(), (value, indent) => {
			const text = JSON.stringify(value, null, indent ? 2 : 0);
			const noisy = text.replace(/\n/g, " // x, }\n");
			assert.deepEqual(parseHuJson(noisy), JSON.parse(text));
		}),
		{ seed: 20261121 },
	);
});

test("state survives a restart: keys, devices, tokens, policy", async (t) => {
	const stateDir = temporaryDirectory(t);
	const first = await start(t, { stateDir });
	const { id, key } = (await first.api("POST", "/tailnet/-/keys", keyBody()))
		.json;
	first.coordination.join({ authKey: key, hostname: "moltbot" });
	first.coordination.addDevice({ hostname: "laptop" });
	await first.lab.close();
	const second = await start(t, { stateDir });
	assert.equal(
		(await second.api("GET", `/tailnet/-/keys/${id}`)).json.invalid,
		true,
	);
	const { devices } = (await second.api("GET", "/tailnet/-/devices")).json;
	assert.deepEqual(
		devices.map((one: { name: string; tags?: string[] }) => [
			one.name,
			one.tags,
		]),
		[
			["moltbot.tailnet.test", ["tag:moltbot"]],
			["laptop.tailnet.test", undefined],
		],
	);
});

test("a model host in another process joins over HTTP", async (t) => {
	const { lab, api } = await start(t);
	const { key } = (await api("POST", "/tailnet/-/keys", keyBody())).json;
	const control = "https://controlplane.tailscale.com/lab";
	const join = () =>
		lab.call("POST", `${control}/join`, {
			body: { authKey: key, hostname: "moltbot" },
		});
	const joined = await join();
	assert.equal(joined.json.givenName, "moltbot");
	const twice = await join();
	assert.deepEqual(
		[twice.status, twice.json.message],
		[401, "authkey already used"],
	);
	const offline = await lab.call("POST", `${control}/online`, {
		body: { id: joined.json.id, online: false },
	});
	assert.equal(offline.status, 204);
	const [device] = (await api("GET", "/tailnet/-/devices")).json.devices;
	assert.equal(device.connectedToControl, false);
});
