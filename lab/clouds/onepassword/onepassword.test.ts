import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startTestLab, type TestLab, temporaryDirectory } from "../testing.ts";
import { createOnePassword, type Seed } from "./index.ts";

const base = "https://connect.1password.lab.test";
const seed: Seed = {
	vaults: [
		{
			name: "moltbot",
			items: [
				{ title: "Discord Bot Token", credential: "discord-secret" },
				{ title: "Moltbot Backup Password", password: "restic-secret" },
				{ title: "Twice", credential: "a" },
				{
					title: "Server",
					category: "SERVER",
					tags: ["lab"],
					fields: [{ label: "port", value: "22", section: "Network" }],
				},
			],
		},
		{ name: "moltbot-agent", items: [{ title: "Mail", password: "mail" }] },
	],
	connectTokens: [
		{ token: "operator", vaults: ["moltbot", "moltbot-agent"] },
		{ token: "writer", vaults: ["moltbot"], write: true },
	],
	serviceAccounts: [
		{ token: "ops_operator", vaults: ["moltbot", "moltbot-agent"] },
		{ token: "ops_agent", vaults: ["moltbot-agent"] },
	],
};

async function start(t: TestContext, options: { stateDir?: string } = {}) {
	const { stateDir = temporaryDirectory(t) } = options;
	const lab = await startTestLab(
		t,
		(world) => [createOnePassword(world, { seed })],
		{
			stateDir,
			proxyListen: "127.0.0.1:0",
		},
	);
	return { lab, get: getter(lab) };
}

function getter(lab: TestLab, token = "operator") {
	return (path: string) =>
		lab.call("GET", base + path, {
			headers: { authorization: `Bearer ${token}` },
		});
}

test("Connect as the recorded trace: vault by title, item by title, item", async (t) => {
	const { get } = await start(t);
	const [vault] = (await get("/v1/vaults?filter=title+eq+%22moltbot%22")).json;
	assert.match(vault.id, /^[a-z0-9]{26}$/);
	assert.equal((await get(`/v1/vaults/${vault.id}`)).json.name, "moltbot");
	const items = `/v1/vaults/${vault.id}/items`;
	const found = (await get(`${items}?filter=title+eq+%22Discord+Bot+Token%22`))
		.json;
	assert.equal(found.length, 1);
	assert.equal(found[0].fields, undefined, "a list carries no values");
	const item = (await get(`${items}/${found[0].id}`)).json;
	assert.equal(item.category, "API_CREDENTIAL");
	assert.deepEqual(item.fields, [
		{
			id: "credential",
			label: "credential",
			type: "CONCEALED",
			value: "discord-secret",
		},
	]);
	assert.deepEqual((await get(`${items}?filter=title+eq+%22Nope%22`)).json, []);
	const [tagged] = (await get(`${items}?filter=tag+eq+%22lab%22`)).json;
	const server = (await get(`${items}/${tagged.id}`)).json;
	assert.equal(server.sections[0].label, "Network");
	assert.equal(server.fields[0].section.id, server.sections[0].id);
});

test("Connect refuses: no token, wrong token, a service account's token, other vaults, bad ids and filters", async (t) => {
	const { lab, get } = await start(t);
	const none = await lab.call("GET", `${base}/v1/vaults`);
	assert.equal(none.status, 401);
	for (const token of ["wrong", "ops_operator"]) {
		const answer = await getter(lab, token)("/v1/vaults");
		assert.deepEqual(answer.json, {
			status: 401,
			message: "Invalid token signature",
		});
	}
	const [, agent] = (await get("/v1/vaults")).json;
	const writer = getter(lab, "writer");
	assert.equal((await writer("/v1/vaults")).json.length, 1);
	const hidden = await writer(`/v1/vaults/${agent.id}/items`);
	assert.deepEqual(hidden.json, {
		status: 403,
		message: `vault ${agent.id} is not in scope`,
	});
	const missing = await get(`/v1/vaults/${agent.id}/items/${"a".repeat(26)}`);
	assert.deepEqual(
		[missing.status, missing.json.message],
		[404, `item ${"a".repeat(26)} not found`],
	);
	assert.equal((await get("/v1/vaults/nope")).status, 400);
	assert.equal((await get("/v1/vaults?filter=name+gt+1")).status, 400);
	assert.equal((await get("/heartbeat")).text, ".");
});

test("a secret is rotated by a token that may write, and only by that", async (t) => {
	const { lab, get } = await start(t);
	const [vault] = (await get("/v1/vaults")).json;
	const items = `/v1/vaults/${vault.id}/items`;
	const [item] = (
		await get(
			`${items}?filter=title eq "Discord Bot Token"`.replaceAll(" ", "%20"),
		)
	).json;
	const rotate = (token: string) =>
		lab.call("PATCH", `${base}${items}/${item.id}`, {
			headers: { authorization: `Bearer ${token}` },
			body: [{ op: "replace", path: "/fields/credential/value", value: "new" }],
		});
	assert.equal((await rotate("operator")).status, 403);
	assert.equal((await rotate("writer")).status, 200);
	const after = (await get(`${items}/${item.id}`)).json;
	assert.deepEqual([after.fields[0].value, after.version], ["new", 2]);
});

test("state survives a restart; the seed is for the first start", async (t) => {
	const stateDir = temporaryDirectory(t);
	const first = await start(t, { stateDir });
	const [vault] = (await first.get("/v1/vaults")).json;
	const made = await first.lab.call(
		"POST",
		`${base}/v1/vaults/${vault.id}/items`,
		{
			headers: { authorization: "Bearer writer" },
			body: { title: "Made later", fields: [{ label: "x", value: "y" }] },
		},
	);
	assert.equal(made.status, 200);
	await first.lab.close();
	const second = await start(t, { stateDir });
	const again = await second.get(
		`/v1/vaults/${vault.id}/items/${made.json.id}`,
	);
	assert.equal(again.json.title, "Made later");
});

test("the seed may be a file; a token for a vault that is not there is refused", async (t) => {
	const file = join(temporaryDirectory(t), "seed.json");
	writeFileSync(file, JSON.stringify(seed));
	const lab = await startTestLab(t, (world) => [
		createOnePassword(world, { seed: file }),
	]);
	assert.equal((await getter(lab)("/v1/vaults")).json.length, 2);
	await assert.rejects(
		startTestLab(t, (world) => [
			createOnePassword(world, {
				seed: { connectTokens: [{ token: "x", vaults: ["nope"] }] },
			}),
		]),
		/names the vault "nope"/,
	);
});

function op(lab: TestLab, args: string[], token: string, extra = {}) {
	return new Promise<{ code: number; stdout: string; stderr: string }>(
		(resolve) => {
			execFile(
				join(import.meta.dirname, "op"),
				args,
				{
					env: {
						...process.env,
						...lab.environment,
						MOLTBOT_NODE: process.execPath,
						OP_SERVICE_ACCOUNT_TOKEN: token,
						OP_FORMAT: "json",
						...extra,
					},
				},
				(error, stdout, stderr) =>
					resolve({
						code: typeof error?.code === "number" ? error.code : 0,
						stdout,
						stderr,
					}),
			);
		},
	);
}

test("op: what the provider calls, with the rights of the service account", async (t) => {
	const { lab } = await start(t);
	assert.equal((await op(lab, ["--version"], "")).stdout, "2.30.0\n");
	const vaults = JSON.parse(
		(await op(lab, ["vault", "list"], "ops_operator")).stdout,
	);
	assert.deepEqual(
		vaults.map((one: { name: string }) => one.name),
		["moltbot", "moltbot-agent"],
	);
	const id = vaults[0].id;
	const vault = JSON.parse(
		(await op(lab, ["vault", "get", id], "ops_operator")).stdout,
	);
	assert.equal(vault.name, "moltbot");
	const item = JSON.parse(
		(
			await op(
				lab,
				["item", "get", "Discord Bot Token", `--vault=${id}`],
				"ops_operator",
			)
		).stdout,
	);
	assert.equal(item.vault.id, id);
	assert.equal(item.fields[0].value, "discord-secret");
	assert.equal(
		item.fields[0].reference,
		"op://moltbot/Discord Bot Token/credential",
	);
	const read = await op(
		lab,
		["read", "-n", "op://moltbot/Moltbot Backup Password/password"],
		"ops_operator",
	);
	assert.equal(read.stdout, "restic-secret");
});

test("op: refusals in the real command's form", async (t) => {
	const { lab } = await start(t);
	const stamp = /^\[ERROR\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;
	const cases: [string[], string, RegExp][] = [
		[
			["vault", "get", "moltbot"],
			"ops_agent",
			/"moltbot" isn't a vault in this account/,
		],
		[
			["item", "get", "Nope", "--vault", "moltbot-agent"],
			"ops_agent",
			/"Nope" isn't an item in the/,
		],
		[["item", "get", "Mail"], "ops_agent", /a vault query must be provided/],
		[["vault", "list"], "ops_wrong", /Signin credentials are not compatible/],
		[["vault", "list"], "operator", /Signin credentials are not compatible/],
		[["vault", "list"], "", /No accounts configured/],
		[["document", "get"], "ops_agent", /unknown command/],
	];
	for (const [args, token, text] of cases) {
		const { code, stdout, stderr } = await op(lab, args, token);
		assert.equal(code, 1, args.join(" "));
		assert.equal(stdout, "");
		assert.match(stderr, stamp);
		assert.match(stderr, text);
	}
	const whoami = await op(lab, ["whoami"], "ops_agent");
	assert.equal(JSON.parse(whoami.stdout).user_type, "SERVICE_ACCOUNT");
});
