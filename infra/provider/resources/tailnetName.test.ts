import assert from "node:assert/strict";
import { test } from "node:test";
import { instance } from "./instance.ts";
import { tailnetName } from "./tailnetName.ts";
import {
	type BegunStack,
	begin,
	bucketName,
	hostname,
	instanceInputs,
	tag,
} from "./testing.ts";

const inputs = { hostname, tag, generation: 2, bucketName };

async function names({ context }: BegunStack): Promise<string[]> {
	return (await context.tailscale.devices()).map(
		(device) => `${device.hostname} ${device.tags} ${device.online}`,
	);
}

test("left-over devices of this name and tag go, others stay", async (t) => {
	const stack = await begin(t);
	const old = stack.coordination.addDevice({ hostname, tags: [tag] });
	stack.coordination.setOnline(old.id, false);
	stack.coordination.addDevice({ hostname: "laptop" });
	await tailnetName.create(stack.context, inputs);
	assert.deepEqual(await names(stack), ["laptop  true"]);
});

test("a device that is still fading is waited for", async (t) => {
	const stack = await begin(t);
	const old = stack.coordination.addDevice({ hostname, tags: [tag] });
	setTimeout(() => stack.coordination.setOnline(old.id, false), 50);
	await tailnetName.create(stack.context, inputs);
	assert.deepEqual(await names(stack), []);
});

test("a live device of this name that is not ours is refused by name and address", async (t) => {
	const stack = await begin(t);
	const other = stack.coordination.addDevice({
		hostname,
		user: "ann@example.com",
	});
	await assert.rejects(tailnetName.create(stack.context, inputs), (error) => {
		assert.ok(error instanceof Error);
		assert.match(error.message, /"moltbot"/);
		assert.ok(error.message.includes(other.addresses[0] ?? "?"));
		return true;
	});
	assert.equal((await names(stack)).length, 1);
});

test("an offline device of another tag keeps its place", async (t) => {
	const stack = await begin(t);
	const other = stack.coordination.addDevice({ hostname, tags: ["tag:db"] });
	stack.coordination.setOnline(other.id, false);
	await tailnetName.create(stack.context, inputs);
	assert.equal((await names(stack)).length, 1);
});

test("a host that was found alive keeps its device, online or not", async (t) => {
	const stack = await begin(t);
	await instance.create(stack.context, instanceInputs(stack, 2));
	const device = stack.coordination.addDevice({ hostname, tags: [tag] });
	await tailnetName.create(stack.context, inputs);
	stack.coordination.setOnline(device.id, false);
	await tailnetName.create(stack.context, inputs);
	assert.equal((await names(stack)).length, 1);
});

test("delete removes what has this name and tag now, twice over", async (t) => {
	const stack = await begin(t);
	const { id, state } = await tailnetName.create(stack.context, inputs);
	stack.coordination.addDevice({ hostname, tags: [tag] });
	stack.coordination.addDevice({ hostname, tags: ["tag:db"] });
	await stack.lab.control.fault({
		cloud: "tailscale",
		method: "DELETE",
		action: "after",
	});
	await tailnetName.delete?.(stack.context, id, state);
	await tailnetName.delete?.(stack.context, id, state);
	assert.deepEqual(await names(stack), ["moltbot tag:db true"]);
});
