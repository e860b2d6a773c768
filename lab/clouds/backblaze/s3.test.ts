import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import type { TestLab } from "../testing.ts";
import { s3Host } from "./index.ts";
import { NativeClient, startB2, type TestKey } from "./testing.ts";

const hash = (text: string) => createHash("sha256").update(text).digest("hex");
const mac = (key: string | Buffer, text: string) =>
	createHmac("sha256", key).update(text).digest();

/** A presigned address as AWS documents it, written here a second time so that the check has something to disagree with. */
function presign(
	lab: TestLab,
	key: TestKey,
	method: string,
	path: string,
	seconds: number,
	signedAt = lab.world.clock.now(),
): string {
	const stamp = new Date(signedAt)
		.toISOString()
		.replaceAll(/[-:]|\.\d{3}/g, "");
	const scope = `${stamp.slice(0, 8)}/us-west-004/s3/aws4_request`;
	const query = [
		"X-Amz-Algorithm=AWS4-HMAC-SHA256",
		`X-Amz-Credential=${encodeURIComponent(`${key.id}/${scope}`)}`,
		`X-Amz-Date=${stamp}`,
		`X-Amz-Expires=${seconds}`,
		"X-Amz-SignedHeaders=host",
	].join("&");
	const canonical = `${method}\n${path}\n${query}\nhost:${s3Host}\n\nhost\nUNSIGNED-PAYLOAD`;
	let secret: string | Buffer = `AWS4${key.secret}`;
	for (const part of scope.split("/")) secret = mac(secret, part);
	const signature = mac(
		secret,
		`AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${hash(canonical)}`,
	).toString("hex");
	return `https://${s3Host}${path}?${query}&X-Amz-Signature=${signature}`;
}

const path = "/presigned/moltbot/beacon/1.json";

test("a presigned PUT needs nothing but its address, and overwrites", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("presigned");
	const key = await admin.key({ bucketIds: [bucketId] });
	const url = presign(lab, key, "PUT", path, 3600);
	for (const body of ["one", "two"]) {
		const put = await lab.call("PUT", url, { body });
		assert.equal(put.status, 200, put.text);
		assert.equal(
			put.headers.etag,
			`"${createHash("md5").update(body).digest("hex")}"`,
		);
	}
	const read = await admin.download("presigned", "moltbot/beacon/1.json");
	assert.equal(read.text, "two");
});

test("a presigned address is refused late, early, altered, for another method and after its key", async (t) => {
	const lab = await startB2(t);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("presigned");
	const key = await admin.key({ bucketIds: [bucketId] });
	const url = presign(lab, key, "PUT", path, 3600);
	const refusal = async (method: string, address: string) => {
		const { status, text } = await lab.call(
			method,
			address,
			method === "PUT" ? { body: "x" } : {},
		);
		return [status, /<Code>(.*)<\/Code>/.exec(text)?.[1]];
	};
	const mismatch = [403, "SignatureDoesNotMatch"];
	assert.deepEqual(
		await refusal("PUT", url.replace("1.json", "2.json")),
		mismatch,
	);
	assert.deepEqual(
		await refusal("PUT", url.replace("=3600", "=7200")),
		mismatch,
	);
	assert.deepEqual(await refusal("DELETE", url), mismatch);
	const early = presign(
		lab,
		key,
		"PUT",
		path,
		60,
		lab.world.clock.now() + 16 * 60_000,
	);
	assert.deepEqual(await refusal("PUT", early), [403, "RequestTimeTooSkewed"]);
	const long = presign(lab, key, "PUT", path, 7 * 86_400 + 1);
	assert.deepEqual(await refusal("PUT", long), [
		400,
		"AuthorizationQueryParametersError",
	]);
	// The clock goes on by itself, too: a minute for the requests of this test.
	lab.world.clock.advance(3540_000);
	assert.equal((await lab.call("PUT", url, { body: "x" })).status, 200);
	lab.world.clock.advance(61_000);
	assert.deepEqual(await refusal("PUT", url), [403, "AccessDenied"]);
	const later = presign(lab, key, "PUT", path, 3600);
	await admin.post("b2_delete_key", { applicationKeyId: key.id });
	assert.deepEqual(await refusal("PUT", later), [403, "InvalidAccessKeyId"]);
});

test("what nobody signed is refused", async (t) => {
	const lab = await startB2(t);
	const answer = await lab.call("GET", `https://${s3Host}/presigned`);
	assert.equal(answer.status, 403);
	assert.match(answer.text, /AccessDenied/);
});
