import assert from "node:assert/strict";
import { test } from "node:test";
import { labPolicy } from "../../../lab/clouds/tailscale/policy.ts";
import { startStack } from "../testing.ts";
import { tailnetPolicy } from "./tailnetPolicy.ts";

test("is written as it is, and a refresh that finds it unchanged changes nothing", async (t) => {
	const { context } = await startStack(t);
	const { id, state } = await tailnetPolicy.create(context, {
		policy: labPolicy,
	});
	assert.equal(state.policy, labPolicy);
	assert.deepEqual(await tailnetPolicy.read?.(context, id, state), state);
});

test("a policy that somebody else changed differs after a refresh, and the next up writes ours", async (t) => {
	const { context } = await startStack(t);
	const { id, state } = await tailnetPolicy.create(context, {
		policy: labPolicy,
	});
	await context.tailscale.writePolicy("{}");
	const found = await tailnetPolicy.read?.(context, id, state);
	assert.ok(found);
	assert.notEqual(found.policy, labPolicy);
	const mended = await tailnetPolicy.update?.(context, id, found, {
		policy: labPolicy,
	});
	assert.deepEqual(mended, state);
});

test("a destroy leaves it", () => {
	assert.equal(tailnetPolicy.delete, undefined);
});
