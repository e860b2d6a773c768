import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { NativeClient } from "../../../lab/clouds/backblaze/testing.ts";
import { erase } from "../../../operator/erase.ts";
import { forgettable, prune } from "../../../operator/prune.ts";
import { rescue } from "../../../operator/rescue.ts";
import { marker, ok, refused, state } from "./asserts.ts";
import { asRoot, skip, startState } from "./host.ts";
import { operatorOf } from "./operator.ts";
import { describeTree } from "./tree.ts";

const day = 86_400_000;

test("root on the host cannot destroy the history: rescue brings it back, erase alone ends it", {
	skip,
	timeout: 300_000,
}, async (t) => {
	const { lab, admin, bucket, bucketId, key, host } = await startState(t, {
		bucketInfo: { moltbot: "backup" },
		lifecycleRules: [{ fileNamePrefix: "", daysFromHidingToDeleting: 30 }],
	});
	const operator = await operatorOf(t, lab, key);
	const first = await host(3);
	ok(await first.script("restore"));
	writeFileSync(first.at(`${state}/said`), "never lost");
	const { snapshot } = JSON.parse(ok(await first.script("backup")));
	const before = new Date(lab.world.clock.now()).toISOString();
	lab.world.clock.advance(1000);

	// The host's own key: what would destroy is refused, what is left destroys nothing.
	const thief = await NativeClient.login(lab, key);
	const versions = async () =>
		(
			await admin.post("b2_list_file_versions", {
				bucketId,
				maxFileCount: 1000,
			})
		).json.files as { fileName: string; fileId: string; action: string }[];
	const all = await versions();
	for (const { fileName, fileId } of all)
		assert.equal(
			(await thief.post("b2_delete_file_version", { fileName, fileId })).status,
			401,
		);
	const beyond: [string, object][] = [
		[
			"b2_update_bucket",
			{
				bucketId,
				lifecycleRules: [
					{
						fileNamePrefix: "",
						daysFromHidingToDeleting: 1,
						daysFromUploadingToHiding: 1,
					},
				],
			},
		],
		["b2_delete_bucket", { bucketId }],
		[
			"b2_create_key",
			{ keyName: "mine", capabilities: ["deleteFiles"], bucketIds: [bucketId] },
		],
		["b2_delete_key", { applicationKeyId: key.id }],
		[
			"b2_update_file_retention",
			{
				fileName: all[0]?.fileName,
				fileId: all[0]?.fileId,
				fileRetention: { mode: null, retainUntilTimestamp: null },
			},
		],
	];
	for (const [operation, body] of beyond)
		assert.equal((await thief.post(operation, body)).status, 401, operation);
	refused(
		await asRoot(
			first,
			`s3 '/restic/config?versionId=${all.find((f) => f.fileName === "restic/config")?.fileId}' --request DELETE`,
		),
		/403/,
	);
	for (const { fileName } of all) {
		await thief.upload(bucketId, fileName, "garbage");
		if (fileName.includes("snapshots"))
			await thief.post("b2_hide_file", { bucketId, fileName });
	}
	const broken = await host(4);
	refused(await broken.script("restore"), /npm run rescue/);
	assert.deepEqual(
		(await versions())
			.map((f) => f.fileId)
			.filter((id) => all.some((f) => f.fileId === id)).length,
		all.length,
		"every version is still there",
	);

	await assert.rejects(
		rescue(operator, { bucket, at: "yesterday", into: "fresh-bucket-1" }),
		{ code: "bad-time" },
	);
	await assert.rejects(
		rescue(operator, {
			bucket,
			at: "2999-01-01T00:00:00Z",
			into: "fresh-bucket-1",
		}),
		{ code: "future" },
	);
	await assert.rejects(rescue(operator, { bucket, at: before, into: bucket }), {
		code: "not-empty",
	});
	await assert.rejects(
		rescue(operator, {
			bucket: "another-one",
			at: before,
			into: "fresh-bucket-1",
		}),
		{ code: "no-bucket" },
	);
	await rescue(operator, { bucket, at: before, into: "fresh-bucket-1" });
	const fresh = (
		await admin.post("b2_list_buckets", { bucketName: "fresh-bucket-1" })
	).json.buckets[0];
	const next = await host(5, {
		bucket: "fresh-bucket-1",
		key: await admin.key({ bucketIds: [fresh.bucketId] }),
	});
	ok(await next.script("restore"));
	assert.equal(next.text(marker), `restored:${snapshot}\n`);
	assert.equal(describeTree(next.at(state)), describeTree(first.at(state)));

	await assert.rejects(
		erase(operator, { bucket }, async () => "yes"),
		{ code: "name-differs" },
	);
	assert.ok((await versions()).length > 0);
	await erase(operator, { bucket }, async () => bucket);
	assert.deepEqual(
		(await admin.post("b2_list_buckets", { bucketName: bucket })).json.buckets,
		[],
	);
});

test("prune goes by Backblaze's clock: forged times and floods cost no backup", {
	skip,
	timeout: 300_000,
}, async (t) => {
	const { lab, bucket, bucketId, key, host } = await startState(t, {
		bucketInfo: { moltbot: "backup" },
	});
	const operator = await operatorOf(t, lab, key);
	const first = await host(3);
	ok(await first.script("restore"));
	const save = async (text: string) => {
		writeFileSync(first.at(`${state}/said`), text);
		return JSON.parse(ok(await first.script("backup"))).snapshot as string;
	};
	const old = await save("old");
	const good = await save("good");
	for (const time of ["2001-01-01 00:00:00", "2099-01-01 00:00:00"])
		ok(
			await asRoot(
				first,
				`mkdir -p $SAVED/tree; echo x >$SAVED/tree/x; restic backup --quiet --time '${time}' --tag moltbot --tag generation:3 --tag sequence:1 $SAVED/tree`,
			),
		);
	const files = await operator.b2.files(bucketId, "restic/snapshots/");
	assert.equal(files.length, 4);
	const now = await operator.b2.serverTime();
	assert.deepEqual(forgettable(files, now, { days: 30, least: 1 }), []);
	assert.equal(
		forgettable(files, now + 31 * day, { days: 30, least: 1 }).length,
		3,
	);
	assert.equal(await prune(operator, bucket, { days: 90, least: 10 }), 0);
	// All of today's are too old for a rule of no days; of the two of the host the newer one stays restorable.
	const forged = await prune(operator, bucket, { days: -1, least: 3 });
	assert.equal(forged, 1);
	const left = (await operator.b2.files(bucketId, "restic/snapshots/")).map(
		(f) => f.fileName.split("/").at(-1),
	);
	assert.ok(!left.includes(old) && left.includes(good));
	const next = await host(4);
	ok(await next.script("restore"));
	assert.equal(next.text(marker), `restored:${good}\n`);
	assert.equal(next.text(`${state}/said`), "good");
});
