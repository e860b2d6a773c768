import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Context } from "../../../infra/provider/resource.ts";
import { bucket as bucketResource } from "../../../infra/provider/resources/bucket.ts";
import { master, NativeClient } from "../../../lab/clouds/backblaze/testing.ts";
import { marker, ok, refused, state } from "./asserts.ts";
import { asRoot, type StateHost, skip, startState } from "./host.ts";
import { labClient } from "./operator.ts";
import { sealed } from "./resticCrypto.ts";

const options = { skip, timeout: 180_000 };
const day = 86_400_000;

test(
	"a state that lost nearly all of its bytes is not saved unless forced, though no file is missing",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { run, script } = await host(3);
		ok(await script("restore"));
		const big = (megabytes: number) =>
			run("bash", "-c", `head -c ${megabytes}M /dev/zero >/${state}/big`);
		ok(await big(120));
		const { bytes } = JSON.parse(ok(await script("backup")));
		assert.ok(bytes >= 120 * 2 ** 20);
		// A twentieth is 6 MB.
		ok(await big(7));
		ok(await script("backup"));
		ok(await big(120));
		ok(await script("backup"));
		ok(await big(1));
		refused(
			await script("backup"),
			/the state has (\d+) entries, \d{7} bytes and had \1 entries, 12\d{7} bytes in the last backup; if that is right: moltbot backup --force/,
		);
		ok(await script("backup", "--force"));
		ok(await script("backup"));
	},
);

/** Leaves an exclusive lock in the repository, as a `prune` that was killed on another machine does. */
async function plantLock(host: StateHost, minutes: number): Promise<string> {
	const key = JSON.parse(
		ok(await asRoot(host, "restic cat masterkey --no-lock --quiet")),
	);
	const { name, bytes } = sealed(key, {
		time: new Date(Date.now() - minutes * 60_000).toISOString(),
		exclusive: true,
		hostname: "operator",
		username: "me",
		pid: 4242,
	});
	writeFileSync(host.at("tmp/lock"), bytes);
	ok(
		await asRoot(
			host,
			`s3 /restic/locks/${name} --request PUT --header 'Content-Type: application/octet-stream' --data-binary @/tmp/lock`,
		),
	);
	return name;
}

test(
	"an exclusive lock that outlived its owner hinders no backup; a living one is respected",
	options,
	async (t) => {
		const { host } = await startState(t);
		const first = await host(3);
		ok(await first.script("restore"));
		writeFileSync(first.at(`${state}/said`), "one");
		ok(await first.script("backup"));
		const list = () => asRoot(first, "restic list locks --no-lock --quiet");

		const backup = () =>
			first.run(
				"env",
				"MOLTBOT_LOCK_WAIT=1s",
				"/usr/local/libexec/moltbot/backup",
			);

		const old = await plantLock(first, 31);
		assert.ok(
			ok(await list()).includes(old),
			"restic does not take it for a lock",
		);
		refused(
			await asRoot(first, "restic backup --quiet --retry-lock 1s $SAVED"),
			/locked exclusively by PID 4242 on operator/,
		);
		ok(await backup());
		assert.ok(!ok(await list()).includes(old));

		const young = await plantLock(first, 5);
		refused(
			await backup(),
			/locked exclusively by PID 4242 on operator[\s\S]*exit 11/,
		);
		assert.ok(ok(await list()).includes(young), "a living lock stays");
		// Reading needs no lock: a new host comes up all the same.
		const next = await host(4);
		ok(await next.script("restore"));
		assert.equal(next.text(`${state}/said`), "one");
	},
);

test(
	"with Object Lock not even the operator's key can shorten what is kept, and the host's cannot touch it",
	options,
	async (t) => {
		const { lab, admin, bucket, bucketId, key, host } = await startState(t, {
			bucketInfo: { moltbot: "backup" },
		});
		// As `pulumi up` does with objectLock.
		await bucketResource.create(
			{
				b2: labClient(t, lab, master),
				report: { info() {}, warn() {} },
			} as unknown as Context,
			{ name: bucket, retentionDays: 30, objectLock: true },
		);
		const first = await host(3);
		ok(await first.script("restore"));
		writeFileSync(first.at(`${state}/said`), "locked");
		const { snapshot } = JSON.parse(ok(await first.script("backup")));
		ok(await first.script("backup"));

		const thief = await NativeClient.login(lab, key);
		const list = async (client: NativeClient) =>
			(
				await client.post("b2_list_file_versions", {
					bucketId,
					maxFileCount: 1000,
				})
			).json.files as {
				fileName: string;
				fileId: string;
				action: string;
				fileRetention: {
					value: { mode: string | null; retainUntilTimestamp: number | null };
				};
			}[];
		const packs = (await list(admin)).filter(
			({ action }) => action === "upload",
		);
		assert.ok(packs.length > 4);
		for (const { fileName, fileId, fileRetention } of packs) {
			const { mode, retainUntilTimestamp } = fileRetention.value;
			assert.equal(mode, "governance", fileName);
			const kept = (retainUntilTimestamp ?? 0) - lab.world.clock.now();
			assert.ok(kept > 29 * day && kept <= 30 * day, `${fileName}: ${kept}`);
			for (const [operation, body] of [
				["b2_delete_file_version", { fileName, fileId }],
				[
					"b2_delete_file_version",
					{ fileName, fileId, bypassGovernance: true },
				],
				[
					"b2_update_file_retention",
					{
						fileName,
						fileId,
						fileRetention: { mode: null, retainUntilTimestamp: null },
						bypassGovernance: true,
					},
				],
				[
					"b2_update_bucket",
					{ bucketId, defaultRetention: { mode: null, period: null } },
				],
			] as const)
				assert.equal(
					(await thief.post(operation, body)).status,
					401,
					operation,
				);
		}
		// A key that may delete is held back too, while the time runs.
		const [pack] = packs;
		const { fileName, fileId } = pack ?? assert.fail();
		const whole = await admin.post("b2_delete_file_version", {
			fileName,
			fileId,
		});
		assert.equal(whole.status, 401);

		const next = await host(4);
		ok(await next.script("restore"));
		assert.match(next.text(marker), /^restored:/);
		assert.equal(next.text(`${state}/said`), "locked");
		assert.ok(snapshot);
	},
);
