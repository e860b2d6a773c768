import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { presign } from "./s3presign.ts";

test("gives the signature of the example that AWS publishes", () => {
	// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
	const url = presign({
		method: "GET",
		url: "https://examplebucket.s3.amazonaws.com/test.txt",
		region: "us-east-1",
		accessKeyId: "AKIAIOSFODNN7EXAMPLE",
		secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		at: Date.parse("2013-05-24T00:00:00Z"),
		expires: 86_400,
	});
	assert.equal(
		url,
		"https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
	);
});

test("any object name can be read back from the URL, and the secret cannot", () => {
	fc.assert(
		fc.property(fc.stringMatching(/^[ -~]{1,40}$/), (name) => {
			const secret = "canary-secret-key";
			const url = new URL(
				presign({
					method: "PUT",
					url: `https://s3.example.com/bucket/${encodeURIComponent(name)}`,
					region: "us-west-004",
					accessKeyId: "id",
					secretAccessKey: secret,
					at: 0,
					expires: 3600,
				}),
			);
			assert.equal(
				decodeURIComponent(url.pathname.slice("/bucket/".length)),
				name === "." || name === ".." ? "" : name,
			);
			assert.ok(!url.href.includes(secret));
			assert.equal(url.searchParams.get("X-Amz-Date"), "19700101T000000Z");
		}),
		{ seed: 20261121 },
	);
});

test("method, time and key all change the signature", () => {
	const base = {
		method: "PUT",
		url: "https://s3.us-west-004.backblazeb2.com/b/moltbot/beacon/1.json",
		region: "us-west-004",
		accessKeyId: "004",
		secretAccessKey: "k",
		at: 1_800_000_000_000,
		expires: 3600,
	} as const;
	const signatures = new Set(
		[
			base,
			{ ...base, method: "GET" as const },
			{ ...base, at: base.at + 1000 },
			{ ...base, secretAccessKey: "l" },
			{ ...base, region: "eu-central-003" },
			{ ...base, expires: 60 },
		].map((request) =>
			new URL(presign(request)).searchParams.get("X-Amz-Signature"),
		),
	);
	assert.equal(signatures.size, 6);
});
