import assert from "node:assert/strict";
import { test } from "node:test";
import { firewall } from "./firewall.ts";
import { instance } from "./instance.ts";
import { begin, instanceInputs } from "./testing.ts";

const description = "moltbot backup-test-1: nothing comes in";

test("killed between creation and answer: the next run adopts the group", async (t) => {
	const stack = await begin(t);
	const lost = await firewall.create(stack.context, { description });
	const { id } = await firewall.create(stack.restarted(), { description });
	assert.equal(id, lost.id);
	assert.equal((await stack.mutations()).length, 1);
});

for (const action of ["after", "reset", { status: 500 }] as const)
	test(`a creation that fails with ${JSON.stringify(action)} makes one group`, async (t) => {
		const stack = await begin(t);
		await stack.lab.control.fault({ cloud: "vultr", method: "POST", action });
		await firewall.create(stack.context, { description });
		const groups = await stack.context.vultr.firewallGroups(description);
		assert.equal(groups.length, 1);
	});

test("of several groups the one with a VM is taken, and the empty ones go", async (t) => {
	const stack = await begin(t);
	const { vultr } = stack.context;
	const make = () =>
		vultr.createFirewallGroup(description, async () => undefined);
	const [empty, used] = [await make(), await make()];
	await instance.create(stack.context, {
		...instanceInputs(stack),
		firewallGroupId: used,
	});
	const { id } = await firewall.create(stack.restarted(), { description });
	assert.equal(id, used);
	assert.equal(await vultr.firewallGroup(empty), undefined);
});

test("a group that lets somebody in is not taken for ours, and a refresh says so", async (t) => {
	const stack = await begin(t);
	const made = await firewall.create(stack.context, { description });
	await stack.lab.call(
		"POST",
		`https://api.vultr.com/v2/firewalls/${made.id}/rules`,
		{
			headers: { authorization: "Bearer lab-vultr-key" },
			body: {
				...{ ip_type: "v4", protocol: "tcp", port: "22" },
				...{ subnet: "0.0.0.0", subnet_size: 0 },
			},
		},
	);
	await firewall.read?.(stack.context, made.id, { description });
	assert.match(stack.said.join(), /has 1 rule that somebody added/);
	const { id } = await firewall.create(stack.restarted(), { description });
	assert.notEqual(id, made.id);
});

test("it is renamed in place, deleted, and deleted again", async (t) => {
	const stack = await begin(t);
	const { id, state } = await firewall.create(stack.context, { description });
	await firewall.update?.(stack.context, id, state, { description: "other" });
	const renamed = { description: "other" };
	assert.deepEqual(await firewall.read?.(stack.context, id, state), renamed);
	await firewall.delete?.(stack.context, id, state);
	await firewall.delete?.(stack.context, id, state);
	assert.equal(await firewall.read?.(stack.context, id, state), undefined);
});
