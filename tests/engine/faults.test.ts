// What the operator reads when a cloud misbehaves: a sample through the engine. Every call with every fault, without it:
// infra/provider/faults.test.ts.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { FaultInput } from "../../lab/clouds/faults.ts";
import { assertOneHost } from "./harness/interruption.ts";
import { canaries, cannotRun, sharedWorld } from "./harness/world.ts";

const page = "<html><h1>Sign in to the network</h1></html>";
const html = { "content-type": "text/html" };

/** A fault that lasts, and what the run says of it: API, what it was doing, credential or setting, remedy. */
interface Case {
	readonly fault: Omit<FaultInput, "count">;
	readonly says: readonly RegExp[];
}

// In the order in which an up meets them, so each begins where the one before it stopped.
const lasting: Record<string, Case> = {
	"Vultr refuses the key (401)": {
		fault: { cloud: "vultr", action: { status: 401 } },
		says: [/Vultr, listing plans: .*VULTR_API_KEY was not accepted \(401\)/],
	},
	"Backblaze refuses the key (401)": {
		fault: { cloud: "backblaze", action: { status: 401 } },
		says: [/Backblaze B2, logging in: .*B2_APPLICATION_KEY was not accepted/],
	},
	"Tailscale forbids (403)": {
		fault: { cloud: "tailscale", action: { status: 403 } },
		says: [/Tailscale, .*TAILSCALE_API_KEY .*may not do this \(403\)/],
	},
	"Tailscale has no such tailnet (404)": {
		fault: {
			cloud: "tailscale",
			path: "/devices$",
			action: { status: 404, body: { message: "tailnet not found" } },
		},
		says: [/There is no tailnet "-".*TAILSCALE_TAILNET/],
	},
	"1Password refuses the token (401)": {
		fault: { cloud: "onepassword", action: { status: 401 } },
		says: [/1Password.*OP_CONNECT_TOKEN/s],
	},
	"a login page stands before 1Password (HTML)": {
		fault: {
			cloud: "onepassword",
			action: { status: 200, body: page, headers: html },
		},
		says: [/1Password.*web page instead of JSON/s, /HTTPS_PROXY/],
	},
	"1Password fails when a secret is read (500)": {
		fault: {
			...{ cloud: "onepassword", path: "^/v1/vaults/[^/]+/items/[^/]+$" },
			action: { status: 500, body: { status: 500, message: "try later" } },
		},
		says: [
			/1Password Connect, reading an item: the service failed again and again \(500\): "try later"/,
		],
	},
	"the registry lacks an image (404)": {
		fault: {
			cloud: "registry",
			path: "moltbot-gateway/manifests",
			action: { status: 404 },
		},
		says: [
			/the registry has no \S+moltbot-gateway/,
			/pulumi config set gateway/,
		],
	},
	"Backblaze has a conflict (409)": {
		fault: {
			cloud: "backblaze",
			path: "b2_create_bucket",
			action: { status: 409 },
		},
		says: [
			/creating the bucket "moltbot-test-7f3c9a": it is in use or being changed \(409\)/,
			/Wait a minute and run the command again/,
		],
	},
	"Vultr refuses a firewall group (422)": {
		fault: {
			cloud: "vultr",
			method: "POST",
			path: "/firewalls$",
			action: { status: 422, body: { error: "Too many groups.", status: 422 } },
		},
		says: [/Vultr, creating the firewall group .*"Too many groups".*settings/],
	},
	"Tailscale makes no key (500)": {
		fault: {
			cloud: "tailscale",
			method: "POST",
			path: "/keys$",
			action: { status: 500, body: { message: "internal error" } },
		},
		says: [
			/join-key/,
			/Tailscale, making the join key: the service failed again and again \(500\): "internal error"/,
		],
	},
	"Vultr refuses the VM (400)": {
		fault: {
			cloud: "vultr",
			method: "POST",
			path: "/instances$",
			action: { status: 400, body: { error: "Invalid plan.", status: 400 } },
		},
		says: [
			/Vultr, creating the VM "moltbot": .*"Invalid plan"/,
			/pulumi config set plan/,
		],
	},
};

suite("a cloud that misbehaves", { skip: cannotRun }, () => {
	const world = sharedWorld();

	for (const [name, { fault, says }] of Object.entries(lasting))
		test(`${name}: up says so`, async () => {
			await world().control.fault({ ...fault, count: null });
			const { code, output } = await world().up();
			await world().control.clearFaults();
			assert.ok(code, output);
			for (const expected of says) assert.match(output, expected);
			assertClean(output);
		});

	test("what passes is tried again: 429, 500, 503, reset, a lost answer, a time-out", async () => {
		const { control } = world();
		const once: readonly Omit<FaultInput, "count">[] = [
			{
				...{ cloud: "vultr", path: "/plans$" },
				action: { status: 429, headers: { "retry-after": "1" } },
			},
			{
				...{ cloud: "backblaze", path: "b2_authorize_account" },
				action: { status: 503, body: page, headers: html },
			},
			{ cloud: "registry", action: "reset" },
			{ cloud: "tailscale", path: "/devices$", action: { delay: 35_000 } },
			{
				...{ cloud: "backblaze", path: "b2_create_key" },
				action: { status: 500 },
			},
			{
				...{ cloud: "vultr", method: "POST", path: "/instances$" },
				action: "after",
			},
		];
		for (const fault of once) await control.fault(fault);
		const { code, output } = await world().up();
		assert.equal(code, 0, output);
		assertClean(output);
		await assertOneHost(world());
		assert.equal(world().hypervisor.hosts.length, 1);
	});
});

/** No stack trace, no token. */
function assertClean(output: string): void {
	assert.doesNotMatch(output, /^\s+at .*(:\d+:\d+|node:)/m);
	for (const secret of Object.values(canaries))
		assert.ok(!output.includes(secret), `${secret} in: ${output}`);
}
