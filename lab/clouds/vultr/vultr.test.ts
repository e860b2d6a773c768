import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { startTestLab, type TestLab, temporaryDirectory } from "../testing.ts";
import { bill } from "./billing.ts";
import type { Hypervisor, Machine } from "./hypervisor.ts";
import { createVultr, type VultrOptions } from "./index.ts";
import type { Account, Instance } from "./model.ts";

const base = "https://api.vultr.com/v2";
const key = "lab-vultr-key";
const instant = { active: 0, running: 0, ok: 0, gone: 0 };
const minimal = { region: "ewr", plan: "vc2-2c-4gb", os_id: 391 };

async function start(
	t: TestContext,
	options: VultrOptions & { stateDir?: string } = {},
	hypervisor?: Hypervisor,
) {
	const { stateDir = temporaryDirectory(t), ...vultr } = options;
	const lab = await startTestLab(
		t,
		(world) => [createVultr(world, { delays: instant, ...vultr }, hypervisor)],
		{ stateDir },
	);
	return { lab, api: client(lab) };
}

function client(lab: TestLab, token = key) {
	return (method: string, path: string, body?: unknown) =>
		lab.call(method, base + path, {
			headers: { authorization: `Bearer ${token}` },
			...(body === undefined ? {} : { body }),
		});
}

test("an instance as the recorded trace: create, read, update, delete", async (t) => {
	const { lab, api } = await start(t, {
		delays: { active: 1000, running: 2000, ok: 3000, gone: 1000 },
	});
	const group = (await api("POST", "/firewalls", { description: "agent" })).json
		.firewall_group;
	const created = await api("POST", "/instances", {
		...minimal,
		label: "moltbot",
		hostname: "moltbot",
		tags: ["a", "b"],
		firewall_group_id: group.id,
		enable_ipv6: true,
		disable_public_ipv4: false,
		backups: "disabled",
		ddos_protection: false,
		user_data: Buffer.from("{}").toString("base64"),
		activation_email: false,
		user_scheme: "root",
	});
	assert.equal(created.status, 202);
	const { id, default_password, status, main_ip } = created.json.instance;
	assert.deepEqual([status, main_ip], ["pending", "0.0.0.0"]);
	assert.match(default_password, /./);

	const read = async () => (await api("GET", `/instances/${id}`)).json.instance;
	const seen = [];
	for (let second = 0; second <= 3; second++) {
		const now = await read();
		seen.push([now.status, now.power_status, now.server_status]);
		await lab.control.advanceClock(1000);
	}
	assert.deepEqual(seen, [
		["pending", "stopped", "none"],
		["active", "stopped", "installingbooting"],
		["active", "running", "installingbooting"],
		["active", "running", "ok"],
	]);
	const instance = await read();
	assert.equal(instance.default_password, undefined);
	assert.deepEqual(
		[instance.region, instance.plan, instance.os_id, instance.hostname],
		["ewr", "vc2-2c-4gb", 391, "moltbot"],
	);
	assert.equal(instance.os, "Fedora CoreOS Stable");
	assert.match(instance.main_ip, /^203\.0\.113\.\d+$/);
	assert.match(instance.v6_main_ip, /^2001:db8:/);
	assert.equal(instance.firewall_group_id, group.id);
	assert.equal(
		(await api("GET", `/firewalls/${group.id}`)).json.firewall_group
			.instance_count,
		1,
	);

	const schedule = await api("GET", `/instances/${id}/backup-schedule`);
	assert.equal(schedule.json.backup_schedule.enabled, false);
	assert.deepEqual((await api("GET", `/instances/${id}/vpcs`)).json.vpcs, []);
	const vpc2 = await api("GET", `/instances/${id}/vpc2`);
	assert.equal(vpc2.status, 404);
	assert.equal(vpc2.text, '{"error":"Not found.","status":404}');

	const patched = await api("PATCH", `/instances/${id}`, {
		label: "other",
		tags: null,
		ddos_protection: null,
		firewall_group_id: group.id,
	});
	assert.equal(patched.status, 202);
	assert.deepEqual((await read()).tags, ["a", "b"], "null changes nothing");
	assert.equal((await read()).label, "other");

	assert.equal((await api("DELETE", `/instances/${id}`)).status, 204);
	assert.equal((await read()).server_status, "locked");
	await lab.control.advanceClock(1000);
	const gone = await api("GET", `/instances/${id}`);
	assert.equal(gone.status, 404);
	assert.equal(gone.text, '{"error":"instance not found","status":404}');
	assert.equal((await api("DELETE", `/instances/${id}`)).status, 404);
});

test("every bad input gets the API's own text", async (t) => {
	const { api } = await start(t, { soldOut: { ewr: ["vc2-1c-2gb"] } });
	const cases: [unknown, string][] = [
		[{ ...minimal, region: "xxx" }, "Invalid region."],
		[{ ...minimal, region: undefined }, "Invalid region."],
		[{ ...minimal, plan: "xxx" }, "Invalid plan chosen."],
		[
			{ ...minimal, plan: "vc2-1c-2gb" },
			"Cannot add instance. Plan is not available in the selected region.",
		],
		[
			{ ...minimal, region: "fra", plan: "vx1-g-2c-8g-120s" },
			"Cannot add instance. Plan is not available in the selected region.",
		],
		[{ ...minimal, os_id: 10 }, "Cannot add instance. Invalid os_id"],
		[
			{ region: "ewr", plan: "vc2-2c-4gb" },
			"Cannot add instance. One of os_id, iso_id, snapshot_id, app_id or image_id is required",
		],
		[
			{ ...minimal, user_data: "{}" },
			"Invalid user_data. It must be base64 encoded.",
		],
		[{ ...minimal, hostname: "no spaces" }, "Invalid hostname."],
		[{ ...minimal, firewall_group_id: "x" }, "Invalid firewall group."],
		[{ ...minimal, tags: "x" }, "Bad request."],
		["{", "Bad request."],
	];
	for (const [body, error] of cases) {
		const answer = await api("POST", "/instances", body);
		assert.deepEqual(answer.json, { error, status: 400 });
		assert.equal(answer.status, 400);
	}
	assert.deepEqual((await api("GET", "/instances")).json.instances, []);
	const available = (await api("GET", "/regions/ewr/availability")).json
		.available_plans;
	assert.ok(available.includes("vc2-2c-4gb"));
	assert.ok(!available.includes("vc2-1c-2gb"));
});

test("access: no key, wrong key, missing right, wrong address; some lists are open", async (t) => {
	const { lab, api } = await start(t, {
		apiKeys: [
			{ token: key },
			{ token: "reader", acls: ["subscriptions_view"] },
			{ token: "elsewhere", allowedAddresses: ["192.0.2.1"] },
		],
	});
	assert.equal((await api("GET", "/account")).json.account.acls.length, 12);
	for (const token of ["", "wrong"]) {
		const answer = await client(lab, token)("GET", "/account");
		assert.equal(answer.status, 401);
		assert.equal(answer.text, '{"error":"Invalid API token.","status":401}');
	}
	const reader = client(lab, "reader");
	assert.deepEqual((await reader("GET", "/account")).json.account.acls, [
		"subscriptions_view",
	]);
	assert.equal((await reader("GET", "/instances")).status, 200);
	for (const [method, path] of [
		["POST", "/instances"],
		["DELETE", "/instances/x"],
		["GET", "/firewalls"],
		["POST", "/firewalls"],
		["POST", "/ssh-keys"],
	] as const)
		assert.equal((await reader(method, path, {})).status, 403, path);
	const elsewhere = await client(lab, "elsewhere")("GET", "/account");
	assert.deepEqual(elsewhere.json, {
		error: "Unauthorized IP address: 127.0.0.1",
		status: 401,
	});
	for (const path of ["/plans", "/os", "/regions", "/regions/ewr/availability"])
		assert.equal((await lab.call("GET", base + path)).status, 200, path);
	assert.equal((await api("GET", "/nothing")).json.error, "Not found.");
});

test("lists: label exact, tag whole in any case, pages", async (t) => {
	const { api } = await start(t);
	const ids: string[] = [];
	for (let i = 0; i < 5; i++)
		ids.push(
			(
				await api("POST", "/instances", {
					...minimal,
					label: i < 2 ? "twin" : `l${i}`,
					tags: ["Moltbot", `bucket:b${i}`],
				})
			).json.instance.id,
		);
	const list = async (query: string) =>
		(await api("GET", `/instances?${query}`)).json;
	const found = async (query: string) =>
		(await list(query)).instances.map((one: { id: string }) => one.id);
	assert.deepEqual(await found("label=twin"), ids.slice(0, 2));
	assert.deepEqual(await found("label=twi"), []);
	assert.deepEqual(await found("tag=moltbot"), ids);
	assert.deepEqual(await found("tag=molt"), []);
	assert.deepEqual(await found("tag=bucket%3Ab3"), [ids[3]]);

	const first = await list("per_page=2");
	assert.equal(first.meta.total, 5);
	assert.equal(first.meta.links.prev, "");
	const second = await list(`per_page=2&cursor=${first.meta.links.next}`);
	const third = await list(`per_page=2&cursor=${second.meta.links.next}`);
	assert.equal(third.meta.links.next, "");
	assert.deepEqual(
		[first, second, third].flatMap((one) =>
			one.instances.map((instance: { id: string }) => instance.id),
		),
		ids,
	);
	const back = await list(`per_page=2&cursor=${third.meta.links.prev}`);
	assert.equal(back.instances[0].id, ids[2]);
	assert.equal((await api("GET", "/instances?cursor=eA==")).status, 400);
});

test("user-data is read and changed without a rebuild", async (t) => {
	const { api } = await start(t);
	const encode = (text: string) => Buffer.from(text).toString("base64");
	const { id } = (
		await api("POST", "/instances", { ...minimal, user_data: encode("one") })
	).json.instance;
	const data = async () =>
		(await api("GET", `/instances/${id}/user-data`)).json.user_data.data;
	assert.equal(await data(), encode("one"));
	await api("PATCH", `/instances/${id}`, { user_data: encode("two") });
	assert.equal(await data(), encode("two"));
});

test("firewall: groups, rules, and a deleted group leaves its machines open", async (t) => {
	const { api } = await start(t);
	const made = await api("POST", "/firewalls", { description: "agent" });
	assert.equal(made.status, 201);
	const group = made.json.firewall_group;
	assert.equal(group.max_rule_count, 50);
	const path = `/firewalls/${group.id}`;
	assert.equal((await api("PUT", path, { description: "two" })).status, 204);
	const rule = await api("POST", `${path}/rules`, {
		ip_type: "v4",
		protocol: "udp",
		subnet: "0.0.0.0",
		subnet_size: 0,
		port: "41641",
		notes: "ts",
	});
	assert.equal(rule.status, 201);
	assert.equal(rule.json.firewall_rule.id, 1);
	assert.equal((await api("GET", `${path}/rules/1`)).status, 200);
	const badPort = await api("POST", `${path}/rules`, {
		ip_type: "v4",
		protocol: "tcp",
		subnet: "0.0.0.0",
		subnet_size: 0,
	});
	assert.deepEqual(badPort.json, { error: "Invalid port.", status: 400 });
	const shown = (await api("GET", path)).json.firewall_group;
	assert.deepEqual([shown.description, shown.rule_count], ["two", 1]);
	assert.equal((await api("DELETE", `${path}/rules/1`)).status, 204);
	assert.match(
		(await api("GET", `${path}/rules/1`)).text,
		/Firewall rule ID not found/,
	);

	const { id } = (
		await api("POST", "/instances", { ...minimal, firewall_group_id: group.id })
	).json.instance;
	assert.equal((await api("DELETE", path)).status, 204);
	assert.equal(
		(await api("GET", `/instances/${id}`)).json.instance.firewall_group_id,
		"",
	);
	assert.match((await api("GET", path)).text, /"status":404/);
});

test("SSH keys and startup scripts", async (t) => {
	const { api } = await start(t);
	const made = await api("POST", "/ssh-keys", {
		name: "adm",
		ssh_key: "ssh-x",
	});
	assert.equal(made.status, 201);
	const path = `/ssh-keys/${made.json.ssh_key.id}`;
	assert.equal((await api("PATCH", path, { name: "adm2" })).status, 204);
	assert.equal((await api("GET", path)).json.ssh_key.name, "adm2");
	assert.equal((await api("DELETE", path)).status, 204);
	assert.equal((await api("GET", path)).json.error, "Invalid ssh key.");
	const script = await api("POST", "/startup-scripts", {
		name: "s",
		type: "pxe",
		script: "eA==",
	});
	assert.equal(script.status, 201);
	const scriptPath = `/startup-scripts/${script.json.startup_script.id}`;
	assert.equal(
		(await api("GET", scriptPath)).json.startup_script.script,
		"eA==",
	);
	assert.equal((await api("DELETE", scriptPath)).status, 204);
	assert.equal((await api("GET", scriptPath)).json.error, "Invalid script");
});

test("power: halt, start, reboot; a stopped machine is still billed", async (t) => {
	const { lab, api } = await start(t);
	const { id } = (await api("POST", "/instances", minimal)).json.instance;
	const power = async () =>
		(await api("GET", `/instances/${id}`)).json.instance.power_status;
	assert.equal(await power(), "running");
	assert.equal((await api("POST", `/instances/${id}/halt`)).status, 204);
	assert.equal(await power(), "stopped");
	await lab.control.advanceClock(10 * 3_600_000 - 60_000);
	const { billing } = (await lab.control.snapshot("vultr")) as {
		billing: ReturnType<typeof bill>;
	};
	assert.equal(billing.instances[0]?.hours, 10);
	assert.equal(billing.instances[0]?.cost, 0.2976);
	assert.equal((await api("POST", `/instances/${id}/start`)).status, 204);
	assert.equal(await power(), "running");
	await api("POST", "/instances/halt", { instance_ids: [id] });
	assert.equal(await power(), "stopped");
	assert.equal((await api("POST", `/instances/${id}/reboot`)).status, 204);
	assert.equal(await power(), "running");
});

test("a plan grows in place and never shrinks; each plan has its price", async (t) => {
	const { lab, api } = await start(t);
	const { id } = (await api("POST", "/instances", minimal)).json.instance;
	const down = await api("PATCH", `/instances/${id}`, { plan: "vc2-1c-2gb" });
	assert.equal(down.status, 400);
	await lab.control.advanceClock(3_600_000 * 1.5);
	const up = await api("PATCH", `/instances/${id}`, { plan: "vc2-4c-8gb" });
	assert.equal(up.json.instance.plan, "vc2-4c-8gb");
	const { billing } = (await lab.control.snapshot("vultr")) as {
		billing: ReturnType<typeof bill>;
	};
	assert.equal(billing.instances[0]?.cost, 0.119, "2 h at 20 $, 1 h at 40 $");
});

test("the bill: begun hours, the cap, and how many ran at once", () => {
	const hour = 3_600_000;
	const seed = 20261121;
	const interval = fc.tuple(
		fc.integer({ min: 0, max: 900 * hour }),
		fc.integer({ min: 1, max: 900 * hour }),
	);
	fc.assert(
		fc.property(fc.array(interval, { maxLength: 6 }), (intervals) => {
			const account: Account = {
				firewallGroups: [],
				sshKeys: [],
				scripts: [],
				instances: intervals.map(([from, length], index) =>
					instanceFor(index, from, from + length),
				),
			};
			const { total, mostAtOnce, instances } = bill(account, 2000 * hour);
			for (const one of instances) {
				assert.ok(one.hours >= 1);
				assert.ok(one.cost <= 10 && one.cost >= 10 / 672 - 0.0001);
			}
			assert.ok(total <= 10 * intervals.length + 1e-9);
			// The same figure by another way: events in order of time, ends before starts.
			const events = intervals
				.flatMap(([from, length]) => [
					[from, 1],
					[from + length, -1],
				])
				.sort(([a = 0, x = 0], [b = 0, y = 0]) => a - b || x - y);
			let now = 0;
			let most = 0;
			for (const [, step = 0] of events) {
				now += step;
				most = Math.max(most, now);
			}
			assert.equal(mostAtOnce, most);
		}),
		{ seed },
	);
});

function instanceFor(index: number, from: number, to: number): Instance {
	return {
		id: String(index),
		region: "ewr",
		plan: "vc2-1c-2gb",
		osId: 391,
		label: "",
		hostname: "",
		tags: [],
		firewallGroupId: "",
		sshKeyIds: [],
		scriptId: "",
		userScheme: "root",
		backups: false,
		ddosProtection: false,
		userData: "",
		password: "",
		kvm: "",
		v4: null,
		v6: null,
		created: from,
		deleted: to,
		booted: true,
		power: "stopped",
		charges: [{ plan: "vc2-1c-2gb", from, to }],
	};
}

test("the rate limit answers 429 with Retry-After", async (t) => {
	const { lab, api } = await start(t, { rateLimit: 1 });
	lab.world.clock.now = () => 1_800_000_000_000;
	assert.equal((await api("GET", "/account")).status, 200);
	const second = await api("GET", "/account");
	assert.equal(second.status, 429);
	assert.equal(second.headers["retry-after"], "1");
});

test("a new instance may be invisible for a while; a missing one may say it the old way", async (t) => {
	const { lab, api } = await start(t, {
		delays: { ...instant, visible: 5000 },
		missingInstance: "invalid instance ID",
		vpc2: "empty",
	});
	const { id } = (await api("POST", "/instances", minimal)).json.instance;
	const early = await api("GET", `/instances/${id}`);
	assert.equal(early.text, '{"error":"invalid instance ID","status":400}');
	await lab.control.advanceClock(5000);
	assert.equal((await api("GET", `/instances/${id}`)).status, 200);
	assert.equal((await api("GET", `/instances/${id}/vpc2`)).status, 200);
});

test("the hypervisor is driven in order, and metadata answers from live state", async (t) => {
	const calls: string[] = [];
	let machine: Machine | undefined;
	let release = () => {};
	const gate = new Promise<void>((resolve) => {
		release = resolve;
	});
	const hypervisor: Hypervisor = {
		async create(made) {
			machine = made;
			calls.push(`create ${made.hostname} ${made.userData}`);
			await gate;
		},
		resume: async () => {},
		start: async () => void calls.push("start"),
		powerOff: async () => void calls.push("powerOff"),
		reboot: async () => void calls.push("reboot"),
		destroy: async () => void calls.push("destroy"),
		firewallChanged: async () => void calls.push("firewall"),
	};
	const cloud: ReturnType<typeof createVultr>[] = [];
	const lab = await startTestLab(t, (world) => {
		cloud.push(createVultr(world, { delays: instant }, hypervisor));
		return cloud;
	});
	const api = client(lab);
	const encode = (text: string) => Buffer.from(text).toString("base64");
	const group = (await api("POST", "/firewalls", {})).json.firewall_group;
	const { id } = (
		await api("POST", "/instances", {
			...minimal,
			hostname: "moltbot",
			user_data: encode("hello"),
			firewall_group_id: group.id,
		})
	).json.instance;
	const power = async () =>
		(await api("GET", `/instances/${id}`)).json.instance.power_status;
	assert.equal(await power(), "stopped", "not before the machine runs");
	release();
	await cloud[0]?.idle();
	assert.equal(await power(), "running");
	assert.ok(machine);
	assert.deepEqual(machine.firewall(), []);

	const metadata = async (path: string) =>
		machine?.metadata(new Request(`http://169.254.169.254${path}`));
	assert.equal(await (await metadata("/user-data/user-data"))?.text(), "hello");
	await api("PATCH", `/instances/${id}`, { user_data: encode("scrubbed") });
	assert.equal(await (await metadata("/latest/user-data"))?.text(), "scrubbed");
	const v1 = (await (await metadata("/v1.json"))?.json()) as {
		hostname: string;
		"user-data": string;
	};
	assert.deepEqual([v1.hostname, v1["user-data"]], ["moltbot", "scrubbed"]);
	assert.equal((await metadata("/v1/hostname"))?.status, 200);

	machine.report("stopped");
	assert.equal(await power(), "stopped", "the guest powered itself off");
	await api("POST", `/instances/${id}/start`);
	await api("POST", `/firewalls/${group.id}/rules`, {
		ip_type: "v4",
		protocol: "tcp",
		subnet: "0.0.0.0",
		subnet_size: 0,
		port: "22",
	});
	await api("POST", `/instances/${id}/reboot`);
	await api("POST", `/instances/${id}/halt`);
	await api("DELETE", `/instances/${id}`);
	await cloud[0]?.idle();
	assert.deepEqual(calls, [
		"create moltbot hello",
		"start",
		"firewall",
		"reboot",
		"powerOff",
		"destroy",
	]);
});

test("state survives a restart, and machines are found again", async (t) => {
	const stateDir = temporaryDirectory(t);
	const first = await start(t, { stateDir });
	const { id } = (await first.api("POST", "/instances", minimal)).json.instance;
	await first.lab.close();
	const resumed: string[] = [];
	const hypervisor: Hypervisor = {
		create: async () => {},
		resume: async (machine, power) =>
			void resumed.push(`${machine.id} ${power}`),
		start: async () => {},
		powerOff: async () => {},
		reboot: async () => {},
		destroy: async () => {},
	};
	const second = await start(t, { stateDir }, hypervisor);
	const again = (await second.api("GET", `/instances/${id}`)).json.instance;
	assert.equal(again.power_status, "running");
	assert.deepEqual(resumed, [`${id} running`]);
});
