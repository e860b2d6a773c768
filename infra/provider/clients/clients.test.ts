/** The clients against the stand-ins; what they do with faults: ../faults.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProviderError } from "../errors.ts";
import type { Context } from "../resource.ts";
import { credentials, startStack } from "../testing.ts";

const calls: Record<
	string,
	{
		variable: RegExp;
		read: (context: Context) => Promise<unknown>;
	}
> = {
	Vultr: {
		variable: /VULTR_API_KEY/,
		read: ({ vultr }) => vultr.instancesTagged("moltbot"),
	},
	Tailscale: {
		variable: /TAILSCALE_API_KEY/,
		read: ({ tailscale }) => tailscale.devices(),
	},
	"Backblaze B2": {
		variable: /B2_APPLICATION_KEY/,
		read: ({ b2 }) => b2.bucket("no-such-bucket"),
	},
};

for (const [name, { variable, read }] of Object.entries(calls)) {
	test(`${name}: a wrong key names ${variable.source}; none at all does too`, async (t) => {
		const { restarted, env } = await startStack(t);
		for (const key of Object.keys(credentials)) env[key] = "canary-wrong-key";
		await assert.rejects(read(restarted()), (error) => {
			assert.ok(error instanceof ProviderError);
			assert.equal(error.code, "credential_refused");
			assert.match(error.message, variable);
			assert.ok(!error.message.includes("canary-wrong-key"));
			return true;
		});
		for (const key of Object.keys(credentials)) delete env[key];
		await assert.rejects(read(restarted()), {
			code: "credential_missing",
			message: variable,
		});
	});
}

test("Backblaze ends a session: a new one is opened, once", async (t) => {
	const { context, lab } = await startStack(t);
	await context.b2.bucket("no-such-bucket");
	await lab.control.fault({
		path: "b2_list_buckets",
		action: {
			status: 401,
			body: { status: 401, code: "expired_auth_token", message: "expired" },
		},
	});
	assert.equal(await context.b2.bucket("no-such-bucket"), undefined);
	const logins = await lab.control.requests({ path: "b2_authorize" });
	assert.equal(
		logins.filter(({ path }) => path.includes("authorize")).length,
		2,
	);
});

test("Backblaze: an upload that fails gets another address", async (t) => {
	const { context, lab } = await startStack(t);
	const bucket = await context.b2.createBucket("bucket-1", {
		bucketType: "allPrivate",
		bucketInfo: {},
		lifecycleRules: [],
	});
	for (const action of [{ status: 503 }, "reset", "after"] as const) {
		await lab.control.fault({
			path: "b2_upload_file",
			action,
		});
		await context.b2.upload(bucket.bucketId, "moltbot/a b.json", '"ä"');
	}
	const names = await context.b2.files(bucket.bucketId, "moltbot/");
	assert.deepEqual(
		names.map((file) => file.fileName),
		["moltbot/a b.json"],
	);
});

test("Tailscale: an OAuth client logs in once for several calls", async (t) => {
	const { context, lab, env } = await startStack(t, {
		tailscale: {
			oauthClients: [
				{ id: "client", secret: "canary-secret", scopes: ["devices:core"] },
			],
		},
	});
	delete env.TAILSCALE_API_KEY;
	env.TAILSCALE_OAUTH_CLIENT_ID = "client";
	env.TAILSCALE_OAUTH_CLIENT_SECRET = "canary-secret";
	await context.tailscale.devices();
	await context.tailscale.devices();
	const requests = await lab.control.requests({ cloud: "tailscale" });
	assert.deepEqual(
		requests.map(({ method, path }) => `${method} ${path}`),
		[
			"POST /api/v2/oauth/token",
			"GET /api/v2/tailnet/-/devices",
			"GET /api/v2/tailnet/-/devices",
		],
	);
	await assert.rejects(context.tailscale.policy(), { code: "not_allowed" });
});

test("Tailscale: a tailnet that is not there is named", async (t) => {
	const { context, env } = await startStack(t);
	env.TAILSCALE_TAILNET = "other.example";
	await assert.rejects(context.tailscale.devices(), {
		code: "not_found",
		message: /no tailnet "other\.example".*TAILSCALE_TAILNET/,
	});
});

test("Vultr: lists of more than one page, plans, regions, account", async (t) => {
	const { context } = await startStack(t);
	const { vultr } = context;
	const plans = await vultr.plans();
	assert.ok(plans.some(({ id, ram }) => id === "vc2-2c-4gb" && ram === 4096));
	assert.ok((await vultr.regions()).some(({ id }) => id === "ewr"));
	assert.ok((await vultr.operatingSystems()).some(({ id }) => id === 391));
	assert.ok((await vultr.availablePlans("ewr")).includes("vc2-2c-4gb"));
	assert.ok((await vultr.account()).acls.length > 0);
});

test("Tailscale: the policy can be read", async (t) => {
	const { context } = await startStack(t);
	const policy = await context.tailscale.policy();
	assert.ok(policy.tagOwners);
});

test("Backblaze: rights of the credential, and its S3 endpoint", async (t) => {
	const { context } = await startStack(t);
	const rights = await context.b2.rights();
	assert.ok(rights.capabilities.includes("writeKeys"));
	assert.equal(rights.bucketName, undefined);
	assert.deepEqual(await context.b2.s3(), {
		endpoint: "https://s3.us-west-004.backblazeb2.com",
		region: "us-west-004",
	});
});
