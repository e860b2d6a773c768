import assert from "node:assert/strict";
import { test } from "node:test";
import { ProviderError } from "../errors.ts";
import { startStack, type TestStack } from "../testing.ts";
import { bucket } from "./bucket.ts";
import { bucketKey } from "./bucketKey.ts";

const inputs = { name: "backup-test-1", retentionDays: 30 };

interface Snapshot {
	buckets: {
		name: string;
		type: string;
		info: object;
		lifecycle: object[];
		locked: boolean;
		retention: object;
	}[];
	keys: { id: string; name: string; capabilities: string[] }[];
}

async function snapshot({ lab }: TestStack): Promise<Snapshot> {
	return (await lab.control.snapshot("backblaze")) as Snapshot;
}

test("a new bucket is private, marked, and forgets hidden versions in time", async (t) => {
	const stack = await startStack(t);
	const { id, state } = await bucket.create(stack.context, inputs);
	assert.deepEqual(state, {
		...inputs,
		bucketId: id,
		s3Endpoint: "https://s3.us-west-004.backblazeb2.com",
		region: "us-west-004",
	});
	const [made] = (await snapshot(stack)).buckets;
	assert.equal(made?.type, "allPrivate");
	assert.deepEqual(made?.info, { moltbot: "backup" });
	assert.equal(made?.lifecycle.length, 1);
});

test("a bucket of ours is adopted, and brought to what is wanted", async (t) => {
	const stack = await startStack(t);
	const first = await bucket.create(stack.context, inputs);
	const again = await bucket.create(stack.restarted(), {
		...inputs,
		retentionDays: 7,
	});
	assert.equal(again.id, first.id);
	assert.equal(again.state.retentionDays, 7);
	assert.equal((await snapshot(stack)).buckets.length, 1);
	assert.match(stack.said.join(), /carries our mark/);
});

test("a bucket of this account without our mark is refused and left as it is", async (t) => {
	const stack = await startStack(t);
	await stack.context.b2.createBucket("backup-test-1", {
		bucketType: "allPrivate",
		bucketInfo: { owner: "somebody" },
		lifecycleRules: [],
	});
	const before = await snapshot(stack);
	await assert.rejects(bucket.create(stack.context, inputs), (error) => {
		assert.ok(error instanceof ProviderError);
		assert.equal(error.code, "bucket_not_ours");
		assert.match(error.message, /"backup-test-1".*pulumi config set bucket/);
		return true;
	});
	assert.deepEqual(await snapshot(stack), before);
});

test("a name that another account has", async (t) => {
	const stack = await startStack(t);
	await stack.lab.control.fault({
		cloud: "backblaze",
		path: "b2_create_bucket",
		action: {
			status: 400,
			body: {
				status: 400,
				code: "duplicate_bucket_name",
				message: "Bucket name is already in use.",
			},
		},
	});
	await assert.rejects(bucket.create(stack.context, inputs), {
		code: "bucket_name_taken",
	});
});

test("killed after the bucket was made: the next run has one bucket", async (t) => {
	const stack = await startStack(t);
	await stack.lab.control.fault({
		cloud: "backblaze",
		path: "b2_create_bucket",
		action: "after",
	});
	const { id } = await bucket.create(stack.context, inputs);
	assert.equal((await bucket.create(stack.restarted(), inputs)).id, id);
	assert.equal((await snapshot(stack)).buckets.length, 1);
});

test("retention changes in place; object lock comes and stays", async (t) => {
	const stack = await startStack(t);
	const { id, state } = await bucket.create(stack.context, inputs);
	const locked = { ...inputs, retentionDays: 14, objectLock: true };
	const changed = await bucket.update?.(stack.context, id, state, locked);
	assert.equal(changed?.retentionDays, 14);
	assert.equal(changed?.objectLock, true);
	const [made] = (await snapshot(stack)).buckets;
	assert.equal(made?.locked, true);
	assert.ok(changed);
	await assert.rejects(
		async () =>
			bucket.update?.(stack.context, id, changed, {
				...locked,
				objectLock: false,
			}),
		{ code: "object_lock_stays" },
	);
});

test("what is as wanted is not written again; a refresh sees what changed by hand", async (t) => {
	const stack = await startStack(t);
	const { id, state } = await bucket.create(stack.context, {
		...inputs,
		objectLock: true,
	});
	await stack.lab.control.clearRequests();
	await bucket.create(stack.restarted(), { ...inputs, objectLock: true });
	assert.deepEqual(await stack.mutations(), []);
	await bucket.update?.(stack.context, id, state, {
		...inputs,
		objectLock: true,
		retentionDays: 3,
	});
	const seen = await bucket.read?.(stack.context, id, state);
	assert.equal(seen?.retentionDays, 3);
});

test("destroy leaves the bucket", async (t) => {
	const stack = await startStack(t);
	const { id, state } = await bucket.create(stack.context, inputs);
	await bucket.delete?.(stack.context, id, state);
	assert.equal((await snapshot(stack)).buckets.length, 1);
});

test("a key: made, found, deleted, and deleted again without complaint", async (t) => {
	const stack = await startStack(t);
	const { id: bucketId } = await bucket.create(stack.context, inputs);
	const wanted = {
		bucketId,
		name: "backup-test-1-g1",
		capabilities: ["listFiles", "readFiles"],
	};
	const { id, state } = await bucketKey.create(stack.context, wanted);
	assert.ok(state.key.length > 8);
	assert.deepEqual(await bucketKey.read?.(stack.context, id, state), state);
	await bucketKey.delete?.(stack.context, id, state);
	await bucketKey.delete?.(stack.context, id, state);
	assert.equal(await bucketKey.read?.(stack.context, id, state), undefined);
});

test("killed after a key was made: one live key of the name", async (t) => {
	const stack = await startStack(t);
	const { id: bucketId } = await bucket.create(stack.context, inputs);
	const wanted = { bucketId, name: "k-g1", capabilities: ["listFiles"] };
	const lost = await bucketKey.create(stack.context, wanted);
	const { id } = await bucketKey.create(stack.restarted(), wanted);
	assert.notEqual(id, lost.id);
	// Its answer lost on the way, within one run.
	await stack.lab.control.fault({
		cloud: "backblaze",
		path: "b2_create_key",
		action: "after",
	});
	const last = await bucketKey.create(stack.restarted(), wanted);
	const named = (await snapshot(stack)).keys.filter(
		({ name }) => name === "k-g1",
	);
	assert.deepEqual(
		named.map((key) => key.id),
		[last.id],
	);
});

test("a new generation's key ends those before it, and no other", async (t) => {
	const stack = await startStack(t);
	const { id: bucketId } = await bucket.create(stack.context, inputs);
	const { b2 } = stack.context;
	const names = ["g1", "g3", "operator"].map(
		(name) => `${inputs.name}-${name}`,
	);
	for (const name of names)
		await b2.createKey(name, bucketId, ["listFiles"], undefined);
	await b2.createKey("other-g1", bucketId, ["listFiles"], undefined);
	await bucketKey.create(stack.context, {
		bucketId,
		name: `${inputs.name}-g2`,
		capabilities: ["listFiles"],
	});
	const { keys } = await snapshot(stack);
	assert.deepEqual(keys.map(({ name }) => name).sort(), [
		"backup-test-1-g2",
		"backup-test-1-g3",
		"backup-test-1-operator",
		"other-g1",
	]);
});
