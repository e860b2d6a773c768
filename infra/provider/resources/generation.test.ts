import assert from "node:assert/strict";
import { test } from "node:test";
import { claimName } from "../objects.ts";
import { generation } from "./generation.ts";
import { instance } from "./instance.ts";
import {
	type BegunStack,
	begin,
	bucketName,
	hostname,
	instanceInputs,
} from "./testing.ts";

const inputsOf = (stack: BegunStack, fingerprint = "f1") => ({
	bucketName,
	bucketId: stack.bucketId,
	hostname,
	fingerprint,
});
const hour = 3_600_000;

test("the first claim is number 1, and says what it is for", async (t) => {
	const stack = await begin(t);
	const { id, state } = await generation.create(stack.context, inputsOf(stack));
	assert.deepEqual(
		[id, state.number, state.adopted],
		["moltbot/generation/00000001.json", 1, false],
	);
	assert.equal(
		Math.abs(Date.parse(state.claimedAt) - stack.lab.world.clock.now()) <
			60_000,
		true,
	);
});

test("killed after the claim: the next run goes on with it", async (t) => {
	const stack = await begin(t);
	await generation.create(stack.context, inputsOf(stack));
	const again = await generation.create(stack.restarted(), inputsOf(stack));
	assert.deepEqual([again.state.number, again.state.adopted], [1, true]);
});

test("an unborn claim of another fingerprint, or an hour old, is left behind", async (t) => {
	const stack = await begin(t);
	await generation.create(stack.context, inputsOf(stack));
	const other = await generation.create(
		stack.restarted(),
		inputsOf(stack, "f2"),
	);
	assert.equal(other.state.number, 2);
	await stack.lab.control.advanceClock(hour + 1000);
	const late = await generation.create(
		stack.restarted(),
		inputsOf(stack, "f2"),
	);
	assert.equal(late.state.number, 3);
});

test("the state is lost and the VM lives: adopted with the fingerprint of its claim", async (t) => {
	const stack = await begin(t);
	await generation.create(stack.context, inputsOf(stack));
	await instance.create(stack.context, instanceInputs(stack));
	await stack.bear(1);
	await stack.lab.control.advanceClock(1000 * hour);
	const { state } = await generation.create(
		stack.restarted(),
		inputsOf(stack, "f2"),
	);
	assert.deepEqual([state.number, state.fingerprint], [1, "f1"]);
});

test("a host that has lived and whose VM is gone gets a successor", async (t) => {
	const stack = await begin(t);
	const first = await generation.create(stack.context, inputsOf(stack));
	await stack.bear(1);
	assert.equal(
		await generation.read?.(stack.context, first.id, first.state),
		undefined,
		"a refresh lets it go",
	);
	const { state } = await generation.create(stack.restarted(), inputsOf(stack));
	assert.equal(state.number, 2);
});

test("a refresh keeps an unborn generation and one whose VM lives, not one without a claim", async (t) => {
	const stack = await begin(t);
	const { id, state } = await generation.create(stack.context, inputsOf(stack));
	assert.equal(await generation.read?.(stack.context, id, state), state);
	await instance.create(stack.context, instanceInputs(stack));
	await stack.bear(1);
	assert.equal(await generation.read?.(stack.context, id, state), state);
	const other = { ...state, number: 7 };
	assert.equal(
		await generation.read?.(stack.context, claimName(7), other),
		undefined,
	);
});

test("outdated when never born and an hour old by Backblaze's clock, whatever this machine's says", async (t) => {
	const stack = await begin(t);
	const { id, state } = await generation.create(stack.context, inputsOf(stack));
	const outdated = () => generation.outdated?.(stack.restarted(), id, state);
	assert.deepEqual(await outdated(), []);
	await stack.lab.control.advanceClock(2 * hour);
	assert.deepEqual(await outdated(), ["number"]);
	await stack.bear(1);
	assert.deepEqual(await outdated(), []);
});

test("where Backblaze cannot be asked, nothing is outdated; a wrong key is an error", async (t) => {
	const stack = await begin(t);
	const { id, state } = await generation.create(stack.context, inputsOf(stack));
	await stack.lab.control.fault({
		cloud: "backblaze",
		count: null,
		action: "reset",
	});
	assert.deepEqual(
		await generation.outdated?.(stack.restarted(), id, state),
		[],
	);
	assert.match(stack.said.join(), /warning: Could not find out/);
	await stack.lab.control.clearFaults();
	stack.env.B2_APPLICATION_KEY = "wrong";
	await assert.rejects(
		async () => generation.outdated?.(stack.restarted(), id, state),
		{ code: "credential_refused" },
	);
});

test("two runs claim at once: two numbers", async (t) => {
	const stack = await begin(t);
	const claims = await Promise.all(
		["f1", "f2", "f3"].map((fingerprint) =>
			generation.create(stack.restarted(), inputsOf(stack, fingerprint)),
		),
	);
	const numbers = claims.map(({ state }) => state.number);
	assert.equal(new Set(numbers).size, 3, `${numbers}`);
});

test("destroy deletes a VM that an interrupted run left unborn, and warns of one that has lived", async (t) => {
	const stack = await begin(t);
	const { id, state } = await generation.create(stack.context, inputsOf(stack));
	await instance.create(stack.context, instanceInputs(stack));
	await generation.delete?.(stack.context, id, state);
	assert.equal((await stack.vms()).length, 0);
	await instance.create(stack.context, instanceInputs(stack));
	await stack.bear(1);
	await generation.delete?.(stack.context, id, state);
	assert.equal((await stack.vms()).length, 1);
	assert.match(stack.said.join(), /warning: The VM .* still billed/);
});
