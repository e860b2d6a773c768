import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { backblaze } from "../lab/clouds/backblaze/index.ts";
import { master, NativeClient } from "../lab/clouds/backblaze/testing.ts";
import { startTestLab } from "../lab/clouds/testing.ts";
import { outputOf } from "../tests/processes.ts";

const root = new URL("..", import.meta.url).pathname;

/** `npm run <tool> -- <args>` as the operator types it, with his answer on standard input. */
async function npm(
	env: Record<string, string | undefined>,
	[tool = "", ...args]: readonly string[],
	answer = "",
) {
	const child = spawn("npm", ["run", "--silent", tool, "--", ...args], {
		cwd: root,
		env: { ...process.env, B2_APPLICATION_KEY_ID: "", ...env },
	});
	child.stdin.on("error", () => {}); // it may have ended without asking
	child.stdin.end(answer);
	const { status: code, stdout, stderr } = await outputOf(child);
	const lines = stderr
		.trim()
		.split("\n")
		// npm speaks of the machine's own settings.
		.filter((line) => !line.startsWith("npm warn"));
	return { code, stdout, said: lines.join("\n") };
}

const wrong: readonly (readonly [readonly string[], RegExp])[] = [
	[["rescue"], /^--bucket, --at, --into must be given: npm run rescue -- --b/],
	[["rescue", "--bucket", "b", "--at", "t"], /^--into must be given: /],
	[["rescue", "--bucket"], /^--bucket needs a value: npm run rescue -- /],
	[["rescue", "--bucket", "--at", "t"], /^--bucket needs a value: /],
	[
		["rescue", "--bucket=b", "--at=yesterday", "--into=new-one"],
		/^--at "yesterday" is no time; write it as 2026-11-21T14:05:00Z\.$/,
	],
	[
		["prune", "my-bucket"],
		/^"my-bucket" is not an option of prune, which takes --bucket, --days, --least, --prefix: /,
	],
	[
		["prune", "--bucket", "b", "--day", "3"],
		/^"--day" is not an option of prune/,
	],
	[
		["prune", "--bucket", "b", "--days", "0"],
		/^--days "0" is not allowed; it takes a whole number from 1 to 999999\.$/,
	],
	[
		["prune", "--bucket", "b", "--least", "1.5"],
		/^--least "1\.5" is not allowed/,
	],
	[
		["prune", "--bucket", "b"],
		/^The backup password is missing: set RESTIC_PASSWORD/,
	],
	[["erase"], /^--bucket must be given: npm run erase -- --bucket <name>$/],
	[["erase", "--bucket", "b", "--yes"], /^"--yes" is not an option of erase/],
	[
		["erase", "--bucket", "b"],
		/^Backblaze B2: there is no credential in the environment/,
	],
];

test("a wrong command line ends in one sentence that says how to mend it", {
	timeout: 120_000,
}, async () => {
	for (const [args, sentence] of wrong) {
		const { code, stdout, said } = await npm({}, args);
		assert.equal(code, 1, args.join(" "));
		assert.equal(stdout, "");
		assert.match(said, sentence);
		assert.equal(said.split("\n").length, 1, said);
	}
});

test("erase deletes what was named twice, and nothing else", {
	timeout: 120_000,
}, async (t) => {
	const lab = await startTestLab(
		t,
		async (world) => [await backblaze(world, {})],
		{ proxyListen: "127.0.0.1:0" },
	);
	const admin = await NativeClient.login(lab);
	const bucketInfo = { moltbot: "backup" };
	const bucketId = await admin.bucket("erase-me-1", { bucketInfo });
	await admin.upload(bucketId, "a", "1");
	await admin.bucket("not-ours-1");
	const env = {
		...lab.environment,
		B2_APPLICATION_KEY_ID: master.id,
		B2_APPLICATION_KEY: master.secret,
	};
	const erase = (name: string, answer: string) =>
		npm(env, ["erase", "--bucket", name], answer);
	const left = async () =>
		(await admin.post("b2_list_buckets", {})).json.buckets
			.map(({ bucketName }: { bucketName: string }) => bucketName)
			.sort();

	for (const answer of ["", "yes\n", "erase-me-2\n"]) {
		const { code, stdout, said } = await erase("erase-me-1", answer);
		assert.equal(code, 1);
		assert.match(stdout, /nobody can bring it back\. Type the name/, said);
		assert.match(said, /^What you typed is not "erase-me-1", so nothing/);
	}
	assert.match((await erase("nowhere-1", "")).said, /^There is no bucket "now/);
	assert.match((await erase("not-ours-1", "")).said, /does not carry the mark/);
	assert.deepEqual(await left(), ["erase-me-1", "not-ours-1"]);

	const { code, stdout } = await erase("erase-me-1", "erase-me-1\n");
	assert.equal(code, 0);
	assert.match(
		stdout,
		/The bucket "erase-me-1" and the 1 versions in it are gone/,
	);
	assert.deepEqual(await left(), ["not-ours-1"]);
});
