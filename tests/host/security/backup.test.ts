import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ok } from "../state/asserts.ts";
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

/** A first host that may write, and a bucket that further ones share with it. */
async function start(t: TestContext) {
	const { host } = await startState(t);
	const first = await host(3);
	ok(await first.script("restore"));
	return { host, first };
}

test("nothing that the agent plants makes root save or restore what the agent may not read", {
	skip,
	timeout: 180_000,
}, async (t) => {
	const { host, first } = await start(t);
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

test("an archive bomb is bytes like any other: nobody on the way unpacks it", {
	skip,
	timeout: 180_000,
}, async (t) => {
	const { host, first } = await start(t);
	// 64 MiB of nothing in 64 KiB; forty of it behind each other, packed again: some kilobytes are 2.5 GiB.
	ok(
		await first.run(
			"bash",
			"-euc",
			`cd /var/lib/moltbot/workspace
			head --bytes=64M /dev/zero | gzip >one.gz
			for i in $(seq 40); do cat one.gz; done | gzip >bomb.gz.gz
			rm one.gz
			mkdir many; cd many; seq 5000 | xargs touch
			chown -hR 2001:2001 /var/lib/moltbot/workspace`,
		),
	);
	const size = "du --summarize --bytes /var/lib/moltbot/workspace/bomb.gz.gz";
	const packed = Number(
		(await first.run("bash", "-c", size)).stdout.split("\t")[0],
	);
	assert.ok(packed < 1024 * 1024, `${packed}`);
	// Control: whoever unpacks it has all of that on his hands.
	const unpacked = await first.run(
		"bash",
		"-c",
		"gzip -dc /var/lib/moltbot/workspace/bomb.gz.gz | gzip -dc | head --bytes=1G | wc --bytes",
	);
	assert.equal(Number(unpacked.stdout), 1024 ** 3);

	ok(await first.script("backup"));
	const second = await host(4);
	ok(await second.script("restore"));
	const disk = await second.run(
		"bash",
		"-c",
		"du --summarize --bytes /var/lib/moltbot | cut --fields=1; ls /var/lib/moltbot/workspace/many | wc --lines",
	);
	const [bytes = 0, files] = disk.stdout.trim().split("\n").map(Number);
	assert.ok(bytes < 16 * 1024 * 1024, `${bytes} bytes restored`);
	assert.equal(files, 5000);
	t.diagnostic(`${packed} bytes packed, ${bytes} restored`);
});

test("a folder that is deeper than a path can say is told, and what was saved before it stays", {
	skip,
	timeout: 180_000,
}, async (t) => {
	const { host, first } = await start(t);
	const memory = "/var/lib/moltbot/workspace/memory";
	ok(await first.run("bash", "-c", `echo mine >${memory}`));
	ok(await first.script("backup"));
	// Control: one level less than what the system takes is saved.
	const nest = (levels: number) =>
		`set -e; cd /var/lib/moltbot/workspace; name=$(printf 'd%.0s' {1..200}); rm -rf $name
		for i in $(seq ${levels}); do mkdir $name; cd $name; done; echo deep >file; chown -hR 2001:2001 /var/lib/moltbot/workspace`;
	ok(await first.run("bash", "-c", nest(15)));
	ok(await first.script("backup"));
	ok(await first.run("bash", "-c", `${nest(40)}; echo lost >${memory}`));
	const refused = await first.script("backup");
	assert.notEqual(refused.status, 0);
	assert.match(refused.stderr, /file name too long/i);

	const second = await host(4);
	ok(await second.script("restore"));
	const found = await second.run("bash", "-c", `cat ${memory}`);
	assert.equal(found.stdout, "mine\n");
});
