import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { bring } from "../../tools/bring.ts";
import { createOnePassword } from "./onepassword/index.ts";
import { createTailscale } from "./tailscale/index.ts";
import { startTestLab, type TestLab } from "./testing.ts";
import { createVultr } from "./vultr/index.ts";

const run = promisify(execFile);

/** Runs one of the programs of tools/clients through the lab's proxy and reads its line of JSON. */
async function drive(
	lab: TestLab,
	program: string,
	environment: Record<string, string>,
): Promise<Record<string, unknown>> {
	const { stdout } = await run(program, {
		env: { PATH: process.env.PATH, ...lab.environment, ...environment },
	});
	return JSON.parse(stdout);
}

const proxyListen = "127.0.0.1:0";

test("govultr makes, reads, changes and deletes an instance", async (t) => {
	const program = await bring(t, "client-govultr");
	if (!program) return;
	const lab = await startTestLab(t, (world) => [createVultr(world)], {
		proxyListen,
	});
	assert.deepEqual(
		await drive(lab, program, { VULTR_API_KEY: "lab-vultr-key" }),
		{
			acls: 12,
			plans: 4,
			available: 11,
			rule: 1,
			password: true,
			hostname: "clients",
			address: "203.0.113.10",
			backups: false,
			vpcs: 0,
			vpc2: '{"error":"Not found.","status":404}',
			userData: true,
			listed: [1, 1],
			updated: ["other", 1],
			gone: '{"error":"instance not found","status":404}',
		},
	);
	const [first] = await lab.control.requests();
	assert.match(String(first?.userAgent), /^govultr\//);
});

test("tailscale-client-go makes keys, reads devices and the policy", async (t) => {
	const program = await bring(t, "client-tailscale");
	if (!program) return;
	const clouds: ReturnType<typeof createTailscale>[] = [];
	const lab = await startTestLab(
		t,
		(world) => {
			clouds.push(
				createTailscale(world, {
					oauthClients: [
						{
							id: "client",
							secret: "secret",
							scopes: ["auth_keys", "devices:core", "policy_file:read"],
							tags: ["tag:moltbot"],
						},
					],
				}),
			);
			return clouds;
		},
		{ proxyListen },
	);
	for (const credential of [
		{ TAILSCALE_API_KEY: "tskey-api-lab" },
		{
			TAILSCALE_OAUTH_CLIENT_ID: "client",
			TAILSCALE_OAUTH_CLIENT_SECRET: "secret",
		},
	] as Record<string, string>[]) {
		clouds[0]?.coordination?.addDevice({
			hostname: "moltbot",
			tags: ["tag:moltbot"],
		});
		assert.deepEqual(await drive(lab, program, credential), {
			secret: true,
			key: ["auth", "moltbot g1", false, true, 3600],
			keys: 1,
			deletedKey: true,
			badTag: "requested tags [tag:nope] are invalid or not permitted (400)",
			devices: ["moltbot.tailnet.test"],
			device: ["moltbot", ["tag:moltbot"], true, true],
			deletedDevice: true,
			owners: { "tag:moltbot": ["autogroup:admin"] },
			ssh: ["core"],
			etag: true,
		});
	}
});

test("connect-sdk-go reads vaults and items and is refused as by Connect", async (t) => {
	const program = await bring(t, "client-connect");
	if (!program) return;
	const lab = await startTestLab(
		t,
		(world) => [
			createOnePassword(world, {
				seed: {
					vaults: [
						{
							name: "moltbot",
							items: [{ title: "Discord Bot Token", credential: "canary" }],
						},
					],
					connectTokens: [{ token: "operator", vaults: ["moltbot"] }],
				},
			}),
		],
		{ proxyListen },
	);
	const seen = await drive(lab, program, {
		OP_CONNECT_HOST: "https://connect.1password.lab.test",
		OP_CONNECT_TOKEN: "operator",
	});
	const { missing, ...rest } = seen;
	assert.match(
		String(missing),
		/^Found 0 item\(s\) in vault ".*" with title "Nope"$/,
	);
	assert.deepEqual(rest, {
		vaults: 1,
		vault: "moltbot",
		item: ["API_CREDENTIAL", "canary"],
		items: 1,
		missingId: "status 404: item aaaaaaaaaaaaaaaaaaaaaaaaaa not found",
		scope: "status 403: vault aaaaaaaaaaaaaaaaaaaaaaaaaa is not in scope",
		token: "status 401: Invalid token signature",
	});
});
