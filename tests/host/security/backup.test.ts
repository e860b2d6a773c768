import assert from "node:assert/strict";
import { test } from "node:test";
import { skip, startState } from "../state/host.ts";

/** What an agent plants to make root carry off what it cannot read itself; each leads to the bucket's key. */
const plant = `cd /var/lib/moltbot/workspace
ln -s /etc/moltbot/host-secrets/backup-key file
ln -s /etc/moltbot/host-secrets folder
ln -s /etc/moltbot/host-secrets/backup-key $'line\\nbreak'
ln -s ../../../../etc/moltbot/host-secrets/backup-key relative
ln -s /proc/self/fd/8 descriptor
mkdir -p -- '--dereference' '-L'; ln -s /etc/moltbot/host-secrets/backup-key '-L/x'
mkdir sub; ln -s /etc sub/etc
printf 'x\\n/etc/moltbot/host-secrets/backup-key\\n' >'list'
truncate -s 4T huge
mkfifo pipe
chown -hR 2001:2001 .`;

test("nothing that the agent plants makes root save or restore what the agent may not read", {
	skip,
	timeout: 180_000,
}, async (t) => {
	const { host } = await startState(t);
	const first = await host(3);
	const ok = (result: { status: number | null; stderr: string }) =>
		assert.equal(result.status, 0, result.stderr);
	ok(await first.script("restore"));
	ok(await first.run("bash", "-c", plant));
	ok(await first.script("backup"));

	const secret = first.secrets["backup-key"];
	const search = (folder: string) =>
		`grep --recursive --devices=skip --binary-files=text --fixed-strings --files-with-matches --exclude=huge -- ${secret} ${folder}`;
	const second = await host(4);
	ok(await second.script("restore"));
	const found = await second.run(
		"bash",
		"-c",
		search("/var/lib/moltbot/workspace/"),
	);
	assert.equal(found.status, 1, `the snapshot holds it: ${found.stdout}`);
	const kinds = await second.run(
		"bash",
		"-c",
		"cd /var/lib/moltbot/workspace; stat --format='%F' -- file folder $'line\\nbreak' relative sub/etc ./-L/x | sort -u",
	);
	assert.equal(kinds.stdout.trim(), "symbolic link");
	const owner = await second.run(
		"stat",
		"--format=%a %u",
		"/etc/moltbot/host-secrets/backup-key",
	);
	assert.doesNotMatch(owner.stdout, /2001/, "nothing was given to the agent");

	// Control: a copy that follows links carries the key off.
	ok(
		await first.run(
			"bash",
			"-c",
			"mkdir /tmp/followed; cp --archive --dereference /var/lib/moltbot/workspace/file /var/lib/moltbot/workspace/folder /tmp/followed/",
		),
	);
	const carried = await first.run("bash", "-c", search("/tmp/followed/"));
	assert.match(carried.stdout, /followed\/file/);
});
