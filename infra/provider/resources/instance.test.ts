import assert from "node:assert/strict";
import { test } from "node:test";
import { HalfMadeError } from "../errors.ts";
import { instance } from "./instance.ts";
import { begin, instanceInputs } from "./testing.ts";

test("a VM carries tags, firewall and user-data from its first moment", async (t) => {
	const stack = await begin(t);
	const inputs = instanceInputs(stack);
	const { id, state } = await instance.create(stack.context, inputs);
	assert.deepEqual(
		{ ...state, mainIp: "", v6MainIp: "", dateCreated: "" },
		{ ...inputs, mainIp: "", v6MainIp: "", dateCreated: "" },
	);
	assert.match(state.mainIp, /^203\.0\.113\./);
	const [request] = await stack.lab.control.requests({ method: "POST" });
	const body = JSON.parse(String(request?.body));
	assert.deepEqual(body.tags, [
		"moltbot",
		"bucket:backup-test-1",
		"generation:1",
	]);
	assert.equal(body.firewall_group_id, stack.firewallGroupId);
	assert.equal(
		Buffer.from(body.user_data, "base64").toString(),
		inputs.userData,
	);
	assert.deepEqual(await instance.read?.(stack.context, id, state), state);
});

test("killed between order and answer: the next run adopts, one VM was ever billed", async (t) => {
	const stack = await begin(t);
	const inputs = instanceInputs(stack);
	const lost = await instance.create(stack.context, inputs);
	const { id } = await instance.create(stack.restarted(), inputs);
	assert.equal(id, lost.id);
	assert.equal((await stack.mutations()).length, 1);
});

test("an adopted VM is put behind the firewall of the stack at once", async (t) => {
	const stack = await begin(t);
	const inputs = instanceInputs(stack);
	await instance.create(stack.context, inputs);
	const other = await stack.context.vultr.createFirewallGroup(
		"another",
		async () => undefined,
	);
	const { state } = await instance.create(stack.restarted(), {
		...inputs,
		firewallGroupId: other,
	});
	assert.equal(state.firewallGroupId, other);
	const [request] = await stack.lab.control.requests({ method: "PATCH" });
	assert.deepEqual(JSON.parse(String(request?.body)), {
		firewall_group_id: other,
	});
});

for (const action of ["after", "reset", { status: 500 }] as const) {
	test(`an order that fails with ${JSON.stringify(action)} is looked for before it is repeated`, async (t) => {
		const stack = await begin(t);
		await stack.lab.control.fault({
			cloud: "vultr",
			method: "POST",
			action,
		});
		await instance.create(stack.context, instanceInputs(stack));
		assert.equal((await stack.vms()).length, 1);
	});
}

test("older VMs that were never born are removed first", async (t) => {
	const stack = await begin(t);
	await instance.create(stack.context, instanceInputs(stack, 1));
	const { id } = await instance.create(
		stack.restarted(),
		instanceInputs(stack, 2),
	);
	const left = await stack.vms();
	assert.deepEqual(
		left.map((vm) => vm.id),
		[id],
	);
	const deeds = await stack.mutations();
	assert.match(deeds[1] ?? "", /^DELETE/);
	assert.match(deeds[2] ?? "", /^POST/);
});

test("an older VM that has lived is never touched: the state was lost", async (t) => {
	const stack = await begin(t);
	await instance.create(stack.context, instanceInputs(stack, 1));
	await stack.bear(1);
	await assert.rejects(
		instance.create(stack.restarted(), instanceInputs(stack, 2)),
		{ code: "instance_lost_from_state" },
	);
	assert.equal((await stack.vms()).length, 1);
});

test("VMs of another bucket are not seen", async (t) => {
	const stack = await begin(t);
	await instance.create(stack.context, {
		...instanceInputs(stack),
		bucketName: "backup-test-2",
	});
	await instance.create(stack.context, instanceInputs(stack, 5));
	assert.equal((await stack.vms()).length, 1);
	const all = await stack.context.vultr.instancesTagged("moltbot");
	assert.equal(all.length, 2);
});

test("a generation that has lived gets no second VM", async (t) => {
	const stack = await begin(t);
	await stack.bear(1);
	await stack.lab.control.clearRequests();
	await assert.rejects(instance.create(stack.context, instanceInputs(stack)), {
		code: "generation_used_up",
	});
	assert.deepEqual(await stack.mutations(), []);
});

test("deleting waits until it is gone; deleting again is fine", async (t) => {
	const stack = await begin(t, {
		vultr: { delays: { active: 0, running: 0, ok: 0, gone: 60 } },
	});
	const { id, state } = await instance.create(
		stack.context,
		instanceInputs(stack),
	);
	await instance.delete?.(stack.context, id, state);
	assert.equal((await stack.vms()).length, 0);
	await instance.delete?.(stack.context, id, state);
	assert.match(stack.said.join(), /already gone/);
});

for (const missingInstance of [
	"instance not found",
	"invalid instance ID",
] as const) {
	test(`a refresh understands "${missingInstance}"`, async (t) => {
		const stack = await begin(t, { vultr: { missingInstance } });
		const { id, state } = await instance.create(
			stack.context,
			instanceInputs(stack),
		);
		await stack.context.vultr.deleteInstance(id);
		assert.equal(await instance.read?.(stack.context, id, state), undefined);
	});
}

test("a new VM that the API does not know yet is waited for", async (t) => {
	const stack = await begin(t, {
		vultr: {
			delays: { active: 30, running: 60, ok: 90, gone: 0, visible: 40 },
		},
	});
	const { state } = await instance.create(stack.context, instanceInputs(stack));
	assert.match(state.mainIp, /^203\./);
});

test("a VM that does not start stays known, so that a destroy deletes it and an up mends it", async (t) => {
	const stack = await begin(t);
	await stack.lab.control.fault({
		cloud: "vultr",
		method: "GET",
		path: "/v2/instances/.",
		count: null,
		action: { status: 500, body: "" },
	});
	const inputs = instanceInputs(stack);
	const error = await instance.create(stack.context, inputs).then(
		() => assert.fail("it should have failed"),
		(thrown: unknown) => thrown,
	);
	assert.ok(error instanceof HalfMadeError);
	const [vm] = await stack.vms();
	assert.equal(error.id, vm?.id);
	await stack.lab.control.clearFaults();
	const mended = await instance.update?.(
		stack.context,
		error.id,
		{ ...inputs, mainIp: "", v6MainIp: "", dateCreated: "" },
		inputs,
	);
	assert.match(mended?.mainIp ?? "", /^203\./);
	assert.equal((await stack.mutations()).length, 1);
});

test("label and firewall change in place, and only what changed is sent", async (t) => {
	const stack = await begin(t);
	const inputs = instanceInputs(stack);
	const { id, state } = await instance.create(stack.context, inputs);
	await stack.lab.control.clearRequests();
	const changed = await instance.update?.(stack.context, id, state, {
		...inputs,
		label: "other",
	});
	assert.equal(changed?.label, "other");
	const [request] = await stack.lab.control.requests({ method: "PATCH" });
	assert.deepEqual(JSON.parse(String(request?.body)), { label: "other" });
	assert.equal((await stack.vms())[0]?.tags.length, 3);
});

test("a plan that cannot be had says which settings choose another", async (t) => {
	const stack = await begin(t, {
		vultr: { soldOut: { ewr: ["vc2-2c-4gb"] } },
	});
	await assert.rejects(
		instance.create(stack.context, instanceInputs(stack)),
		/"vc2-2c-4gb" can be had in the region "ewr".*pulumi config set plan/,
	);
});
