import assert from "node:assert/strict";
import http from "node:http";
import { type TestContext, test } from "node:test";
import tls from "node:tls";
import { registry } from "../../../lab/clouds/registry/index.ts";
import { emptyImage } from "../../../lab/clouds/registry/testing.ts";
import {
	startTestLab,
	temporaryDirectory,
} from "../../../lab/clouds/testing.ts";
import { Http } from "../http.ts";
import { quick } from "../testing.ts";
import { parseChallenge, parseImage, Registry } from "./registry.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

async function start(t: TestContext) {
	const folder = temporaryDirectory(t);
	const digest = await emptyImage(folder, "test");
	const lab = await startTestLab(
		t,
		async (world) => [
			await registry(world, {
				layouts: ["ghcr.io/owner/image", "docker.io/library/debian"].map(
					(repository) => ({ folder, repository, tag: "1" }),
				),
			}),
		],
		{ proxyListen: "127.0.0.1:0" },
	);
	tls.setDefaultCACertificates([lab.ca.pem]);
	t.after(http.setGlobalProxyFromEnv(lab.environment));
	const client = new Registry(new Http(new AbortController().signal, quick));
	return { lab, client, digest };
}

test("an image is there by its digest, with an anonymous token", async (t) => {
	const { client, digest: real, lab } = await start(t);
	assert.equal(await client.exists(`ghcr.io/owner/image:1@${real}`), true);
	assert.equal(await client.exists(`docker.io/debian@${real}`), true);
	assert.equal(await client.exists(`ghcr.io/owner/image@${digest}`), false);
	assert.equal(await client.exists(`ghcr.io/owner/other@${real}`), false);
	const requests = await lab.control.requests();
	assert.ok(requests.every(({ method }) => ["GET", "HEAD"].includes(method)));
});

test("a registry that is down is not an image that is missing", async (t) => {
	const { client, lab } = await start(t);
	await lab.control.fault({
		cloud: "registry",
		count: null,
		action: { status: 503 },
	});
	await assert.rejects(client.exists(`ghcr.io/owner/image@${digest}`), {
		code: "unavailable",
		message: /^ghcr\.io, looking for owner\/image@sha256:/,
	});
});

test("references and challenges are taken apart", () => {
	assert.deepEqual(parseImage(`docker.io/debian:12@${digest}`), {
		registry: "registry-1.docker.io",
		repository: "library/debian",
		digest,
	});
	assert.deepEqual(parseImage(`localhost:5000/a/b@${digest}`), {
		registry: "localhost:5000",
		repository: "a/b",
		digest,
	});
	assert.throws(() => parseImage("debian:latest"), { code: "invalid_input" });
	assert.deepEqual(
		parseChallenge('Bearer realm="https://x/token",service="y",scope="z"'),
		{ realm: "https://x/token", service: "y" },
	);
	assert.equal(parseChallenge("Basic realm=x"), undefined);
	assert.equal(parseChallenge(undefined), undefined);
});

test("a tag names a digest, or is not there", async (t) => {
	const { client, digest: real } = await start(t);
	const image = `ghcr.io/owner/image@${digest}`;
	assert.equal(await client.digestOf(image, "1"), real);
	assert.equal(await client.digestOf(image, "none"), undefined);
});
