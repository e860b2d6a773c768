import assert from "node:assert/strict";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ok, refused, state } from "./asserts.ts";
import { diskMissing, machine } from "./disk.ts";
import { asRoot, cgroup, skip, startState } from "./host.ts";
import { receiver } from "./receiver.ts";

const options = { skip: skip || diskMissing() || false, timeout: 300_000 };

/** Files that cost no disk and hold something at their end, one of them under two names; what else a file has must come along. */
const plant = `cd /${state}; mkdir vast; cd vast
truncate -s 4T a; printf 'at the end' >>a; ln a $'second\\nname'
truncate -s 7E b; printf 'in the middle' | dd of=b bs=1M seek=1000000 conv=notrunc status=none
truncate -s 1M small; printf x | dd of=plain bs=1M count=1 conv=notrunc status=none
chmod 0640 a; chown -R 2001:2001 .; touch -d 2001-02-03 a b; touch -d 2002-03-04 .
python3 -c 'import os; os.setxattr("a", "user.moltbot", b"kept")'`;

/** Of each file: what it is, without reading its holes. */
const describe = `cd /${state}/vast; for f in *; do stat --format='%n %s %a %u %Y %h' -- "$f"; done; stat --format='%Y' .
tail -c 10 a; tail -c 10 $'second\\nname'; dd if=b bs=1M skip=1000000 count=1 status=none | head -c 13
python3 -c 'import os; print(os.getxattr("a", "user.moltbot"), os.stat("a").st_ino == os.stat("second\\nname").st_ino)'
du --block-size=1M --summarize . | cut -f1`;

test(
	"files of terabytes without content are saved and restored as they are",
	options,
	async (t) => {
		const { host } = await startState(t);
		const first = await host(3, { root: machine(t).disk.folder });
		ok(await first.script("restore"));
		ok(await first.run("bash", "-c", plant));
		const { bytes } = JSON.parse(ok(await first.script("backup")));
		assert.ok(bytes < 10_000_000, `${bytes} bytes: holes are no bytes`);
		assert.equal(
			existsSync(first.at("var/lib/moltbot/backup/left-out.json")),
			false,
		);

		const second = await host(4, { root: machine(t).disk.folder });
		ok(await second.script("restore"));
		const [before, after] = [
			ok(await first.run("bash", "-c", describe)),
			ok(await second.run("bash", "-c", describe)),
		];
		assert.equal(after, before);
		assert.match(after, /at the endat the endin the middle/);
		ok(await second.script("drill"));
		// What is gone were no bytes, so nobody need force the next backup.
		ok(await second.run("rm", "-r", `/${state}/vast`));
		ok(await second.script("backup"));

		// Control: restic alone does not get through.
		const alone = await asRoot(
			first,
			`mkdir -p $SAVED/alone; cp --reflink=auto --sparse=always /${state}/vast/a $SAVED/alone/; image_seconds=15; restic backup --quiet $SAVED/alone`,
		);
		assert.equal(alone.status, 124, alone.stderr);
	},
);

test(
	"what finds no room is left out, named, and told once",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { received, url } = await receiver(t);
		const { at, run, script, text } = await host(3, {
			root: machine(t).disk.folder,
		});
		writeFileSync(at("etc/moltbot/host-secrets/notify-url"), url);
		ok(await script("restore"));
		ok(await run("bash", "-c", plant));
		ok(
			await run(
				"bash",
				"-c",
				"fallocate -l $(($(df --output=avail --block-size=1 /tmp | tail -n 1) - 900 * 1024 * 1024)) /tmp/ballast",
			),
		);
		const leftOut = () =>
			JSON.parse(text("var/lib/moltbot/backup/left-out.json"));
		for (const _ of [1, 2]) {
			const result = await script("backup");
			ok(result);
			assert.match(result.stderr, /left out.*state\/vast\/b/);
			assert.deepEqual(leftOut().toSorted(), [
				"state/vast/a",
				"state/vast/b",
				"state/vast/second\nname",
			]);
		}
		assert.equal(received.length, 1);
		assert.match(received[0] ?? "", /3 files are not saved.*state\/vast\/b/);
		const status = JSON.parse(ok(await script("status")));
		assert.deepEqual(status.state.leftOut, leftOut());
		assert.match(
			ok(await run("/usr/local/bin/moltbot", "status")),
			/not saved, no room .*state\/vast\/b/,
		);
		// A small one is saved with its holes.
		const listed = ok(
			await asRoot(
				await host(4),
				"restic ls --no-lock latest | grep -c 'vast/small$'",
			),
		);
		assert.equal(listed.trim(), "1");

		ok(await run("rm", "/tmp/ballast"));
		ok(await script("backup"));
		assert.equal(existsSync(at("var/lib/moltbot/backup/left-out.json")), false);
		assert.equal(statSync(at(`${state}/vast/a`)).nlink, 2);
	},
);

test(
	"a backup that does not end is ended, the agent runs, and the next one succeeds",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { disk, slice } = machine(t);
		const { append, at, run, script, whileFrozen } = await host(3, {
			root: disk.folder,
			slice,
		});
		ok(await script("restore"));
		const soon = (...command: string[]) =>
			run("env", "MOLTBOT_BACKUP_SECONDS=4", ...command);
		const sentence = /did not end within 4 s, so it was ended; the agent runs/;
		slice.spawn("/bin/sleep", ["1000"]);

		whileFrozen("sleep 600");
		refused(await soon("/usr/local/libexec/moltbot/backup"), sentence);
		assert.equal(slice.frozen, false);
		ok(await run("rm", "/tmp/while-frozen"));

		append("tmp/hook-at", "^podman .* backup --json");
		refused(await soon("/usr/local/libexec/moltbot/last-backup"), sentence);
		assert.ok(existsSync(at("tmp/reached")), "it was not held");
		ok(await run("rm", "/tmp/hook-at"));
		ok(await script("backup"));
	},
);

test(
	"a copy whose agent was thawed too early is thrown away",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { disk, slice } = machine(t);
		const { run, script, whileFrozen } = await host(3, {
			root: disk.folder,
			slice,
		});
		ok(await script("restore"));
		slice.spawn("/bin/sleep", ["1000"]);
		whileFrozen(`echo 0 >${cgroup}/cgroup.freeze`);
		refused(await script("backup"), /was thawed while what changed was copied/);
		ok(await run("rm", "/tmp/while-frozen"));
		ok(await script("backup"));
	},
);
