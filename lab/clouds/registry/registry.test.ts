import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { bring } from "../../../tools/bring.ts";
import { startTestLab, type TestLab, temporaryDirectory } from "../testing.ts";
import { type RegistryOptions, registry } from "./index.ts";
import { emptyImage } from "./testing.ts";

const run = promisify(execFile);
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const digestOf = (text: string) =>
	`sha256:${createHash("sha256").update(text).digest("hex")}`;

async function layout(t: TestContext) {
	const folder = temporaryDirectory(t);
	return { folder, digest: await emptyImage(folder, "test") };
}

function start(
	t: TestContext,
	options: RegistryOptions = {},
	stateDir = temporaryDirectory(t),
) {
	return startTestLab(t, async (world) => [await registry(world, options)], {
		stateDir,
		proxyListen: "127.0.0.1:0",
	});
}

/** Follows the challenge of a 401 as clients do, without credentials. */
async function pull(lab: TestLab, url: string, method = "GET") {
	const first = await lab.call(method, url);
	assert.equal(first.status, 401);
	const header = String(first.headers["www-authenticate"]);
	const [, realm, service, scope] =
		/^Bearer realm="(.*?)",service="(.*?)",scope="(.*?)"$/.exec(header) ?? [];
	const { token } = (
		await lab.call("GET", `${realm}?service=${service}&scope=${scope}`)
	).json;
	return lab.call(method, url, {
		headers: { authorization: `Bearer ${token}` },
	});
}

for (const host of ["ghcr.io", "quay.io", "registry-1.docker.io"])
	test(`${host}: a token is asked for, then tag and digest name the same image`, async (t) => {
		const { folder, digest } = await layout(t);
		const upstream = host === "registry-1.docker.io" ? "docker.io" : host;
		const repository = `${upstream}/lab/tiny`;
		const lab = await start(t, { layouts: [{ folder, repository, tag: "1" }] });
		const base = `https://${host}/v2/lab/tiny/manifests`;
		const byTag = await pull(lab, `${base}/1`);
		assert.equal(byTag.headers["docker-content-digest"], digest);
		assert.equal(byTag.headers["content-type"], manifestType);
		assert.equal(digestOf(byTag.text), digest);
		const byDigest = await pull(lab, `${base}/${digest}`, "HEAD");
		assert.equal(byDigest.status, 200);
		const missing = await pull(lab, `${base}/2`);
		assert.deepEqual(
			[missing.status, missing.json.errors[0].code],
			[404, "MANIFEST_UNKNOWN"],
		);
		const nowhere = await pull(lab, `https://${host}/v2/lab/none/manifests/1`);
		assert.equal(nowhere.json.errors[0].code, "NAME_UNKNOWN");
	});

test("a token dies, is for one repository, and an anonymous one cannot push", async (t) => {
	const { folder } = await layout(t);
	const lab = await start(t, {
		layouts: [
			{ folder, repository: "ghcr.io/lab/one", tag: "1" },
			{ folder, repository: "ghcr.io/lab/two", tag: "1" },
		],
	});
	const { token } = (
		await lab.call(
			"GET",
			"https://ghcr.io/token?scope=repository:lab/one:pull,push",
		)
	).json;
	const headers = { authorization: `Bearer ${token}` };
	const status = async (method: string, where: string) =>
		(await lab.call(method, `https://ghcr.io/v2/lab/${where}`, { headers }))
			.status;
	assert.equal(await status("GET", "one/manifests/1"), 200);
	assert.equal(await status("GET", "two/manifests/1"), 401);
	assert.equal(await status("POST", "one/blobs/uploads/"), 401);
	lab.world.clock.advance(301_000);
	assert.equal(await status("GET", "one/manifests/1"), 401);
	const wrong = await lab.call("GET", "https://ghcr.io/token", {
		headers: { authorization: `Basic ${btoa("lab:wrong")}` },
	});
	assert.equal(wrong.status, 401);
});

test("content that does not have its digest is refused", async (t) => {
	const lab = await start(t);
	const { token } = (
		await lab.call(
			"GET",
			"https://ghcr.io/token?scope=repository:lab/one:pull,push",
			{
				headers: { authorization: `Basic ${btoa("lab:lab")}` },
			},
		)
	).json;
	const headers = { authorization: `Bearer ${token}` };
	const url = "https://ghcr.io/v2/lab/one/blobs/uploads/";
	const push = (digest: string) =>
		lab.call("POST", `${url}?digest=${digest}`, { headers, body: "content" });
	const wrong = await push(digestOf("other"));
	assert.deepEqual(
		[wrong.status, wrong.json.errors[0].code],
		[400, "DIGEST_INVALID"],
	);
	assert.equal((await push(digestOf("content"))).status, 201);
});

test("skopeo pushes and inspects, a signature tag too; all of it survives a restart", async (t) => {
	const skopeo = await bring(t, "skopeo");
	if (!skopeo) return;
	const { folder, digest } = await layout(t);
	const stateDir = temporaryDirectory(t);
	const first = await start(t, {}, stateDir);
	const signature = `${digest.replace(":", "-")}.sig`;
	const environment = (lab: TestLab) => ({
		env: { PATH: process.env.PATH, HOME: stateDir, ...lab.environment },
	});
	for (const tag of ["1", signature])
		await run(
			skopeo,
			[
				...["--insecure-policy", "copy", "--dest-creds", "lab:lab"],
				...[`oci:${folder}`, `docker://ghcr.io/lab/tiny:${tag}`],
			],
			environment(first),
		);
	await first.close();
	const second = await start(t, {}, stateDir);
	const { stdout } = await run(
		skopeo,
		["inspect", "--no-tags", "docker://ghcr.io/lab/tiny:1"],
		environment(second),
	);
	assert.equal(JSON.parse(stdout).Digest, digest);
	const tags = await run(
		skopeo,
		["list-tags", "docker://ghcr.io/lab/tiny"],
		environment(second),
	);
	assert.deepEqual(JSON.parse(tags.stdout).Tags, ["1", signature]);
});
