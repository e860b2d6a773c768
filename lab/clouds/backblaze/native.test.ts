import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryDirectory } from "../testing.ts";
import { basic, master, NativeClient, startB2 } from "./testing.ts";

const dayMs = 86_400_000;
const authorizeUrl = (version: number) =>
	`https://api.backblazeb2.com/b2api/v${version}/b2_authorize_account`;

test("b2_authorize_account answers in the shape of each version", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("shape-test");
	const key = await admin.key({ bucketIds: [bucketId], namePrefix: "a/" });
	const headers = { authorization: basic(key) };
	const v2 = (await lab.call("GET", authorizeUrl(2), { headers })).json;
	assert.equal(v2.apiUrl, "https://api004.backblazeb2.com");
	assert.equal(v2.allowed.bucketName, "shape-test");
	const v3 = (await lab.call("GET", authorizeUrl(3), { headers })).json;
	assert.equal(v3.apiInfo.storageApi.bucketId, bucketId);
	assert.equal(v3.apiInfo.storageApi.namePrefix, "a/");
	const v4 = (await lab.call("GET", authorizeUrl(4), { headers })).json;
	assert.deepEqual(v4.apiInfo.storageApi.allowed.buckets, [
		{ id: bucketId, name: "shape-test" },
	]);
});

test("a wrong secret, an unknown token and an old token are refused, each in its words", async (t) => {
	const lab = await startB2(t);
	const wrong = await lab.call("GET", authorizeUrl(4), {
		headers: { authorization: basic({ ...master, secret: "wrong" }) },
	});
	assert.deepEqual([wrong.status, wrong.json.code], [401, "bad_auth_token"]);
	const stranger = new NativeClient(lab, "no-such-token");
	const unknown = await stranger.post("b2_list_buckets", {});
	assert.equal(unknown.json.code, "bad_auth_token");
	const admin = await NativeClient.login(lab);
	assert.equal((await admin.post("b2_list_buckets", {})).status, 200);
	lab.world.clock.advance(dayMs + 1);
	const old = await admin.post("b2_list_buckets", {});
	assert.deepEqual([old.status, old.json.code], [401, "expired_auth_token"]);
});

test("a key that cannot delete hides, reads and lists its bucket and prefix only", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("append-only");
	const other = await admin.bucket("other-bucket");
	const key = await admin.key({ bucketIds: [bucketId], namePrefix: "in/" });
	const host = await NativeClient.login(lab, key);
	const uploaded = (await host.upload(bucketId, "in/a b", "hello")).json;
	assert.equal(uploaded.fileName, "in/a b");
	assert.equal((await host.download("append-only", "in/a%20b")).text, "hello");
	const part = await host.download("append-only", "in/a%20b", "bytes=1-3");
	assert.deepEqual([part.status, part.text], [206, "ell"]);
	const refused = [
		await host.post("b2_delete_file_version", uploaded),
		await host.upload(bucketId, "out/a", "x"),
		await host.post("b2_get_upload_url", { bucketId: other }),
		await host.post("b2_list_file_names", { bucketId }),
		await host.post("b2_list_buckets", {}),
		await host.post("b2_update_bucket", { bucketId, lifecycleRules: [] }),
		await host.post("b2_create_key", {
			keyName: "k",
			capabilities: ["listFiles"],
		}),
	];
	assert.deepEqual(
		refused.map(({ status, json }) => [status, json.code]),
		refused.map(() => [401, "unauthorized"]),
	);
	const hidden = await host.post("b2_hide_file", {
		bucketId,
		fileName: "in/a b",
	});
	assert.equal(hidden.json.action, "hide");
	assert.equal((await host.download("append-only", "in/a%20b")).status, 404);
	const versions = await admin.post("b2_list_file_versions", { bucketId });
	assert.deepEqual(
		versions.json.files.map((f: { action: string }) => f.action),
		["hide", "upload"],
	);
});

test("keys: the shape of buckets by version, expiry, deletion", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("key-bucket");
	const base = { keyName: "k-1", capabilities: ["listFiles"] };
	const v1 = await admin.post("b2_create_key", { ...base, bucketId }, 1);
	assert.equal(v1.json.bucketId, bucketId);
	await admin.post("b2_create_key", {
		...base,
		keyName: "k-4",
		bucketIds: [bucketId],
	});
	const names = async (version: number) =>
		(await admin.post("b2_list_keys", {}, version)).json.keys.map(
			(key: { keyName: string }) => key.keyName,
		);
	assert.deepEqual([await names(3), await names(4)], [["k-1"], ["k-4"]]);
	const short = await admin.key({ validDurationInSeconds: 60 });
	const shortLived = await NativeClient.login(lab, short);
	const bad = await admin.post("b2_create_key", { ...base, keyName: "a b" });
	assert.deepEqual([bad.status, bad.json.code], [400, "bad_request"]);
	lab.world.clock.advance(61_000);
	const late = await shortLived.post("b2_list_buckets", {});
	assert.equal(late.json.code, "expired_auth_token");
	const { applicationKeyId } = v1.json;
	const client = await NativeClient.login(lab, {
		id: applicationKeyId,
		secret: v1.json.applicationKey,
	});
	await admin.post("b2_delete_key", { applicationKeyId });
	const gone = await client.post("b2_list_file_names", { bucketId });
	assert.equal(gone.json.code, "bad_auth_token");
	const twice = await admin.post("b2_delete_key", { applicationKeyId });
	assert.deepEqual([twice.status, twice.json.code], [400, "bad_request"]);
});

test("bucket names are global, revisions guard, full buckets stay", async (t) => {
	const lab = await startB2(t, {
		accounts: [
			{ accountId: master.id, masterKey: master.secret },
			{
				accountId: "aaaaaaaaaaaa",
				masterKey: "other",
				buckets: [{ name: "taken-by-others" }],
			},
		],
	});
	const admin = await NativeClient.login(lab);
	const taken = await admin.post("b2_create_bucket", {
		bucketName: "taken-by-others",
		bucketType: "allPrivate",
	});
	assert.deepEqual(
		[taken.status, taken.json.code],
		[400, "duplicate_bucket_name"],
	);
	const bucketId = await admin.bucket("my-bucket", { bucketInfo: { a: "b" } });
	const updated = await admin.post("b2_update_bucket", {
		bucketId,
		bucketInfo: { a: "c" },
		ifRevisionIs: 1,
	});
	assert.deepEqual(
		[updated.json.revision, updated.json.bucketInfo.a],
		[2, "c"],
	);
	const lost = await admin.post("b2_update_bucket", {
		bucketId,
		ifRevisionIs: 1,
	});
	assert.deepEqual([lost.status, lost.json.code], [409, "conflict"]);
	await admin.upload(bucketId, "f", "x");
	const full = await admin.post("b2_delete_bucket", { bucketId });
	assert.equal(full.json.code, "cannot_delete_non_empty_bucket");
});

test("lifecycle deletes what has been hidden for long enough, not the current version", async (t) => {
	const lab = await startB2(t);
	const bucketId = await (await NativeClient.login(lab)).bucket("lifecycle", {
		lifecycleRules: [{ fileNamePrefix: "", daysFromHidingToDeleting: 30 }],
	});
	let admin = await NativeClient.login(lab);
	await admin.upload(bucketId, "kept", "1");
	await admin.upload(bucketId, "kept", "2");
	await admin.upload(bucketId, "hidden", "1");
	await admin.post("b2_hide_file", { bucketId, fileName: "hidden" });
	const names = async () =>
		(await admin.post("b2_list_file_versions", { bucketId })).json.files.map(
			(f: { fileName: string; action: string }) => `${f.action} ${f.fileName}`,
		);
	const all = ["hide hidden", "upload hidden", "upload kept", "upload kept"];
	lab.world.clock.advance(29 * dayMs);
	admin = await NativeClient.login(lab);
	assert.deepEqual(await names(), all);
	lab.world.clock.advance(2 * dayMs);
	admin = await NativeClient.login(lab);
	assert.deepEqual(await names(), ["upload kept"]);
	assert.equal((await admin.download("lifecycle", "kept")).text, "2");
});

test("object lock: default retention holds until its time, governance yields to the bypass", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("locked-bucket", {
		fileLockEnabled: true,
	});
	await admin.post("b2_update_bucket", {
		bucketId,
		defaultRetention: {
			mode: "governance",
			period: { duration: 7, unit: "days" },
		},
	});
	const first = (await admin.upload(bucketId, "a", "1")).json;
	const second = (await admin.upload(bucketId, "a", "2")).json;
	const refused = await admin.post("b2_delete_file_version", first);
	assert.deepEqual([refused.status, refused.json.code], [401, "access_denied"]);
	const bypassed = await admin.post("b2_delete_file_version", {
		...first,
		bypassGovernance: true,
	});
	assert.equal(bypassed.status, 200);
	lab.world.clock.advance(7 * dayMs + 1);
	const later = await NativeClient.login(lab);
	const deleted = await later.post("b2_delete_file_version", second);
	assert.equal(deleted.status, 200);
});

test("a large file is its parts; a wrong checksum is refused", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("large-files");
	const { fileId } = (
		await admin.post("b2_start_large_file", {
			bucketId,
			fileName: "big",
			contentType: "b2/x-auto",
		})
	).json;
	const place = (await admin.post("b2_get_upload_part_url", { fileId })).json;
	const sums: string[] = [];
	for (const [index, body] of ["a".repeat(5_000_000), "tail"].entries()) {
		const part = await lab.call("POST", place.uploadUrl, {
			headers: {
				authorization: place.authorizationToken,
				"x-bz-part-number": String(index + 1),
				"x-bz-content-sha1": "do_not_verify",
			},
			body,
		});
		sums.push(part.json.contentSha1);
	}
	const wrong = await admin.post("b2_finish_large_file", {
		fileId,
		partSha1Array: [...sums].reverse(),
	});
	assert.equal(wrong.status, 400);
	const done = await admin.post("b2_finish_large_file", {
		fileId,
		partSha1Array: sums,
	});
	assert.equal(done.json.contentLength, 5_000_004);
	const end = await admin.download(
		"large-files",
		"big",
		"bytes=4999999-5000002",
	);
	assert.equal(end.text, "atai");
});

test("everything survives a restart", async (t) => {
	const stateDir = temporaryDirectory(t);
	const first = await startB2(t, {}, stateDir);
	const admin = await NativeClient.login(first);
	const bucketId = await admin.bucket("restarted");
	await admin.upload(bucketId, "kept", "still here");
	await first.close();
	const second = await startB2(t, {}, stateDir);
	const again = new NativeClient(second, admin.token);
	assert.equal((await again.download("restarted", "kept")).text, "still here");
});
