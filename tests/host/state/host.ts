import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	copyFileSync,
	mkdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { backblaze } from "../../../lab/clouds/backblaze/index.ts";
import {
	NativeClient,
	type TestKey,
} from "../../../lab/clouds/backblaze/testing.ts";
import {
	startTestLab,
	temporaryDirectory,
} from "../../../lab/clouds/testing.ts";
import { tool } from "../../../tools/setup.ts";

const scratch = new URL("../units/scratch.sh", import.meta.url).pathname;
const bucket = "state-tests";

/** Why this machine cannot run these tests, or false. */
export const skip =
	process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0
		? false
		: "needs root and mount namespaces";

/** B2 behind a proxy, a bucket, a key that cannot delete, and hosts that use them. */
export async function startState(t: TestContext) {
	const lab = await startTestLab(
		t,
		async (world) => [await backblaze(world, {})],
		{ proxyListen: "127.0.0.1:0" },
	);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket(bucket);
	const key = await admin.key({ bucketIds: [bucketId] });
	const restic = await tool("restic");
	const host = (generation: number, password = "correct horse") =>
		stateHost(t, lab.environment, restic, key, generation, password);
	return { lab, admin, bucketId, host };
}

/** A host whose `podman run` is restic itself; curl is the real one. */
async function stateHost(
	t: TestContext,
	environment: Record<string, string>,
	restic: string,
	key: TestKey,
	generation: number,
	password: string,
) {
	const root = temporaryDirectory(t);
	const at = (path: string) => join(root, path);
	const certificate = environment.SSL_CERT_FILE;
	if (!certificate) throw new Error("the lab names no certificate");
	const run = async (...command: string[]) => {
		const child = spawn(
			"unshare",
			[
				"-m",
				"--propagation",
				"private",
				scratch,
				root,
				"env",
				`HTTPS_PROXY=${environment.HTTPS_PROXY}`,
				"SSL_CERT_FILE=/tmp/ca.pem",
				"CURL_CA_BUNDLE=/tmp/ca.pem",
				...command,
			],
			{ stdio: ["ignore", "pipe", "pipe"] },
		);
		let stdout = "";
		let stderr = "";
		child.stdout.on("data", (chunk: Buffer) => {
			stdout += chunk.toString();
		});
		child.stderr.on("data", (chunk: Buffer) => {
			stderr += chunk.toString();
		});
		const [status] = await once(child, "close");
		return { status: status as number | null, stdout, stderr };
	};
	await run("true");
	rmSync(at("usr/local/bin/curl"));
	copyFileSync(certificate, at("tmp/ca.pem"));
	copyFileSync(restic, at("usr/local/bin/restic"));
	writeFileSync(
		at("usr/local/bin/podman"),
		`#!/bin/bash
echo "podman $*" >>/tmp/calls
while [[ $1 != registry.test/* ]]; do
	case $1 in --env-file=*) set -a; source "\${1#*=}"; set +a ;; esac
	shift
done
shift
exec restic "$@"
`,
	);
	for (const name of ["restic", "podman"])
		chmodSync(at(`usr/local/bin/${name}`), 0o755);
	writeFileSync(
		at("etc/moltbot/host.env"),
		`MOLTBOT_GENERATION=${generation}
MOLTBOT_HOSTNAME=moltbot
MOLTBOT_BUCKET=${bucket}
MOLTBOT_BUCKET_PREFIX=restic
MOLTBOT_S3_ENDPOINT=https://s3.us-west-004.backblazeb2.com
MOLTBOT_S3_REGION=us-west-004
`,
	);
	writeFileSync(
		at("etc/moltbot/backup-image"),
		`registry.test/restic@sha256:${"1".repeat(64)}\n`,
	);
	mkdirSync(at("etc/moltbot/host-secrets"));
	const secrets = {
		"backup-password": password,
		"backup-key-id": key.id,
		"backup-key": key.secret,
	};
	for (const [name, value] of Object.entries(secrets))
		writeFileSync(at(`etc/moltbot/host-secrets/${name}`), value);
	return {
		at,
		run,
		secrets,
		text: (path: string) => readFileSync(at(path), "utf8"),
		script: (name: string, ...args: string[]) =>
			run(`/usr/local/libexec/moltbot/${name}`, ...args),
	};
}
