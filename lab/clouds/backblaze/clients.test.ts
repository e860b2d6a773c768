import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { bring } from "../../../tools/bring.ts";
import { startTestLab, temporaryDirectory } from "../testing.ts";
import { backblaze } from "./index.ts";
import { master, NativeClient } from "./testing.ts";

const run = promisify(execFile);

/** B2 behind the lab's proxy, with a bucket and a key that cannot delete. */
async function startWithProxy(t: TestContext) {
	const lab = await startTestLab(
		t,
		async (world) => [await backblaze(world, {})],
		{
			proxyListen: "127.0.0.1:0",
		},
	);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket("client-tests");
	const key = await admin.key({ bucketIds: [bucketId] });
	return { lab, admin, bucketId, key, scratch: temporaryDirectory(t) };
}

/** Runs a program to its end; a refusal is an answer, not an exception. */
async function attempt(
	program: string,
	args: string[],
	env: Record<string, string>,
) {
	const child = spawn(program, args, {
		env: { PATH: process.env.PATH, ...env },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk: Buffer) => {
			output += chunk.toString();
		});
	const [code] = await once(child, "close");
	return { code: code as number, output };
}

test("restic backs up, checks, forgets and restores with a key that cannot delete", async (t) => {
	const program = await bring(t, "restic");
	if (!program) return;
	const { lab, admin, bucketId, key, scratch } = await startWithProxy(t);
	const source = path.join(scratch, "source");
	mkdirSync(source);
	for (let i = 0; i < 200; i++)
		writeFileSync(path.join(source, `${i}.txt`), `file ${i}\n`.repeat(i));
	const restic = (args: string[]) =>
		attempt(program, [...args, "--no-cache"], {
			...lab.environment,
			HOME: scratch,
			AWS_ACCESS_KEY_ID: key.id,
			AWS_SECRET_ACCESS_KEY: key.secret,
			RESTIC_PASSWORD: "test",
			RESTIC_REPOSITORY:
				"s3:https://s3.us-west-004.backblazeb2.com/client-tests",
		});
	const done = async (...args: string[]) => {
		const { code, output } = await restic(args);
		assert.equal(code, 0, `restic ${args.join(" ")}: ${output}`);
		return output;
	};
	await done("init");
	await done("backup", source);
	writeFileSync(path.join(source, "0.txt"), "changed");
	await done("backup", source);
	await done("check", "--read-data");
	await done("forget", "--keep-last", "1");
	const target = path.join(scratch, "target");
	await done("restore", "latest", "--target", target);
	const restored = path.join(target, source);
	assert.equal(readFileSync(path.join(restored, "0.txt"), "utf8"), "changed");
	await run("diff", ["-r", source, restored]);

	// What the key "deleted" is hidden, not gone.
	const { files } = (
		await admin.post("b2_list_file_versions", { bucketId, maxFileCount: 1000 })
	).json;
	const snapshots = files.filter(
		(file: { fileName: string; action: string }) =>
			file.fileName.startsWith("snapshots/") && file.action === "upload",
	);
	assert.equal(snapshots.length, 2);
});

test("rclone copies over the S3 endpoint and over the native API", async (t) => {
	const program = await bring(t, "rclone");
	if (!program) return;
	const { lab, key, scratch } = await startWithProxy(t);
	const source = path.join(scratch, "source");
	mkdirSync(source);
	writeFileSync(path.join(source, "ä b.txt"), "hello");
	cpSync(process.execPath, path.join(source, "large"));
	const remotes = {
		s3: {
			RCLONE_CONFIG_R_TYPE: "s3",
			RCLONE_CONFIG_R_PROVIDER: "Other",
			RCLONE_CONFIG_R_ENDPOINT: "https://s3.us-west-004.backblazeb2.com",
			RCLONE_CONFIG_R_ACCESS_KEY_ID: key.id,
			RCLONE_CONFIG_R_SECRET_ACCESS_KEY: key.secret,
			RCLONE_S3_NO_CHECK_BUCKET: "true",
			RCLONE_S3_UPLOAD_CUTOFF: "20Mi",
		},
		native: {
			RCLONE_CONFIG_R_TYPE: "b2",
			RCLONE_CONFIG_R_ACCOUNT: key.id,
			RCLONE_CONFIG_R_KEY: key.secret,
			RCLONE_B2_UPLOAD_CUTOFF: "20Mi",
			RCLONE_B2_CHUNK_SIZE: "10Mi",
		},
	};
	// rclone refuses to start its S3 backend with this one; it reads SSL_CERT_FILE.
	const { AWS_CA_BUNDLE: _, ...environment } = lab.environment;
	for (const [name, settings] of Object.entries(remotes)) {
		const rclone = async (...args: string[]) => {
			const { code, output } = await attempt(program, args, {
				...environment,
				...settings,
				HOME: scratch,
			});
			assert.equal(code, 0, `${name}: rclone ${args[0]}: ${output}`);
			return output;
		};
		await rclone("copy", source, `R:client-tests/${name}`);
		await rclone("check", "--download", source, `R:client-tests/${name}`);
		await rclone("deletefile", `R:client-tests/${name}/ä b.txt`);
		assert.doesNotMatch(await rclone("ls", `R:client-tests/${name}`), /ä b/);
	}
});

test("boto3 and b2sdk see the answers of the real service", async (t) => {
	const interpreter = await bring(t, "python-b2");
	if (!interpreter) return;
	const { lab, key, scratch } = await startWithProxy(t);
	const { code, output } = await attempt(
		interpreter,
		[path.join(import.meta.dirname, "clients", "roundtrip.py")],
		{
			...lab.environment,
			HOME: scratch,
			SCRATCH: path.join(scratch, "file"),
			BUCKET: "client-tests",
			KEY_ID: key.id,
			KEY: key.secret,
			MASTER_ID: master.id,
			MASTER_KEY: master.secret,
		},
	);
	assert.equal(code, 0, output);
	assert.deepEqual(JSON.parse(output), {
		boto3: {
			path: ["234", { m: "v" }],
			virtual: ["234", { m: "v" }],
			large: true,
			list: ["boto/large", "boto/ä b+path", "boto/ä b+virtual"],
			hidden: [404, "NoSuchKey"],
			versions: [1, 1],
			"delete version": [403, "AccessDenied"],
			"delete many": 2,
			"wrong secret": [403, "SignatureDoesNotMatch"],
			"master key": [403, "InvalidAccessKeyId"],
			"other bucket": [403, "AccessDenied"],
		},
		b2sdk: {
			name: "sdk/ä b",
			large: 11_000_004,
			content: "from b2sdk",
			list: ["sdk/large", "sdk/ä b"],
			"after hiding": ["sdk/large"],
			delete: "Unauthorized",
			// b2sdk.v2 speaks version 3, which does not list the key that the test made with version 4.
			keys: ["made-by-sdk"],
		},
	});
});
