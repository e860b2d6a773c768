import assert from "node:assert/strict";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rootTree } from "../../../lab/host/artefacts.ts";
import { marker, ok, refused, state } from "./asserts.ts";
import { asRoot, type StateHost, skip, startState } from "./host.ts";
import { receiver } from "./receiver.ts";

const options = { skip, timeout: 180_000 };

/** The program that is delivered to a host, by its version. */
const deliverVersion = (host: StateHost, version: string) =>
	ok_(
		host.run(
			"bash",
			"-c",
			`printf '#!/bin/sh\\necho ${version}\\n' >/usr/local/libexec/moltbot/version; mkdir -p /etc/containers/systemd/users/2001/x.image.d
printf 'Image=x@${version}\\n' >/etc/containers/systemd/users/2001/x.image.d/50-delivered.conf`,
		),
	);
const ok_ = async (result: ReturnType<StateHost["run"]>) => ok(await result);

test(
	"an operator lists, drills, goes back, and loses nothing by it",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { at, run, script, text } = await host(3);
		const moltbot = (...args: string[]) =>
			run("/usr/local/bin/moltbot", ...args);
		ok(await script("restore"));
		writeFileSync(at(`${state}/said`), "one");
		ok(await moltbot("backup"));
		writeFileSync(at(`${state}/said`), "two");
		ok(await moltbot("backup"));
		const listed = ok(await moltbot("restore", "--list"))
			.trim()
			.split("\n");
		assert.equal(listed.length, 2);
		for (const line of listed)
			assert.match(
				line,
				/^[0-9a-f]{8} {2}\S+Z {2}generation 3 {2}\d+ files {2}\d+ bytes$/,
			);

		const drill = JSON.parse(ok(await moltbot("restore", "--drill")));
		assert.equal(drill.outcome, "restorable");
		assert.ok(drill.snapshot.startsWith(listed[0]?.slice(0, 8)));
		assert.ok(drill.ageSeconds >= 0 && drill.files > 0 && drill.bytes > 0);
		assert.equal(existsSync(at("var/lib/moltbot/backup/drill")), false);

		writeFileSync(at(`${state}/said`), "three, not saved yet");
		const first = listed[1]?.slice(0, 8) ?? "";
		refused(
			await moltbot("restore", "--snapshot", "ffffffff"),
			/see moltbot restore --list/,
		);
		assert.equal(text(`${state}/said`), "three, not saved yet");
		ok(await moltbot("restore", "--snapshot", first));
		assert.equal(text(`${state}/said`), "one");
		assert.match(text(marker), new RegExp(`^restored:${first}`));
		const after = ok(await moltbot("restore", "--list"))
			.trim()
			.split("\n");
		assert.equal(after.length, 3);
		// And forward again, to what was there before.
		ok(await moltbot("restore", "--snapshot", after[0]?.slice(0, 8) ?? ""));
		assert.equal(text(`${state}/said`), "three, not saved yet");
		refused(await moltbot("restore"), /takes --list, --snapshot ID or --drill/);
	},
);

test(
	"a broken database is not restored: the one before is, and it is said",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { received, url } = await receiver(t);
		const first = await host(3);
		ok(await first.script("restore"));
		const sql = (text: string) =>
			first.run("sqlite3", `/${state}/app.sqlite`, text);
		ok(
			await sql(
				"pragma user_version=7; create table t as with recursive c(x) as (select 1 union all select x+1 from c limit 5000) select x, hex(randomblob(50)) y from c; create index i on t(y)",
			),
		);
		// The agent's own broken file is its own business.
		ok(
			await first.run(
				"bash",
				"-c",
				`printf 'SQLite format 3\\0 not really' >/var/lib/moltbot/workspace/mine.db`,
			),
		);
		const good = JSON.parse(ok(await first.script("backup"))).snapshot;
		ok(
			await first.run(
				"bash",
				"-c",
				`printf GARBAGE | dd of=/${state}/app.sqlite bs=1 seek=60000 conv=notrunc status=none; dd if=/dev/urandom of=/${state}/app.sqlite bs=4096 seek=20 count=3 conv=notrunc status=none`,
			),
		);
		const bad = JSON.parse(ok(await first.script("backup"))).snapshot;
		refused(
			await first.script("drill"),
			/app\.sqlite is damaged[\s\S]*could not be restored/,
		);

		const second = await host(4);
		writeFileSync(second.at("etc/moltbot/host-secrets/notify-url"), url);
		const said = await second.script("restore");
		ok(said);
		assert.match(
			said.stderr,
			new RegExp(
				`snapshot ${bad} is damaged or incomplete; the one before is taken`,
			),
		);
		assert.match(said.stderr, /workspace\/mine\.db is damaged/);
		assert.equal(second.text(marker), `restored:${good}\n`);
		assert.equal(received.length, 1);
		assert.match(received[0] ?? "", /^POST \/hook .*restored an older state/);
		const manifest = JSON.parse(
			ok(
				await asRoot(
					second,
					`restic dump --no-lock ${good} $SAVED/tree/manifest.json`,
				),
			),
		);
		assert.equal(manifest.schemas["state/app.sqlite"], 7);
	},
);

test(
	"an older program than the state's is refused with the remedy",
	options,
	async (t) => {
		const { host } = await startState(t);
		const first = await host(3);
		await deliverVersion(first, "2026.9.6");
		ok(await first.script("restore"));
		ok(await first.script("backup"));
		const second = await host(4);
		await deliverVersion(second, "2026.9.5");
		refused(
			await second.script("restore"),
			/saved by version 2026\.9\.6 .*deliver an image of 2026\.9\.6 or later/,
		);
		assert.equal(existsSync(second.at(marker)), false);
		await deliverVersion(second, "2026.10.1");
		ok(await second.script("restore"));
	},
);

test(
	"an outdated host stops and writes nothing more; what it still wrote is never chosen",
	options,
	async (t) => {
		const { admin, bucketId, host } = await startState(t);
		const { received, url } = await receiver(t);
		const old = await host(3);
		writeFileSync(old.at("etc/moltbot/host-secrets/notify-url"), url);
		writeFileSync(old.at("etc/moltbot/host-secrets/heartbeat-url"), url);
		writeFileSync(old.at("etc/moltbot/delivery.json"), "{}");
		old.append("etc/moltbot/host.env", "MOLTBOT_BACKUP_MINUTES=15\n");
		ok(await old.script("restore"));
		writeFileSync(old.at(`${state}/said`), "by all");
		const { snapshot } = JSON.parse(ok(await old.script("backup")));
		assert.deepEqual(received.splice(0), ["GET /hook "]);
		ok(await old.script("watch"));
		assert.ok(existsSync(old.at("etc/moltbot/delivery.json")));

		await admin.upload(bucketId, "moltbot/generation/00000004.json", "{}");
		const current = await host(4);
		ok(await current.script("restore"));
		assert.equal(current.text(marker), `restored:${snapshot}\n`);
		// The race that no check closes: a snapshot that was under way when the later host began.
		writeFileSync(old.at(`${state}/said`), "by the outdated one");
		ok(
			await asRoot(
				old,
				`/usr/local/libexec/moltbot/copy $SAVED/tree; printf '{"files":%s,"generation":3,"sequence":9}' "$(find $SAVED/tree -mindepth 1 -printf . | wc -c)" >$SAVED/tree/manifest.json
restic backup --quiet --tag moltbot --tag generation:3 --tag sequence:9 $SAVED/tree`,
			),
		);

		ok(await old.script("watch"));
		assert.equal(existsSync(old.at("etc/moltbot/delivery.json")), false);
		assert.match(old.text("tmp/calls"), /--user stop moltbot-gateway/);
		assert.equal(received.length, 1);
		assert.match(received[0] ?? "", /a later host has taken over/);
		refused(await old.script("backup"), /a later host has taken over/);
		assert.equal(received.length, 1);

		// The current host dies before it ever saved; the next one goes on where that one had begun.
		await admin.upload(bucketId, "moltbot/generation/00000005.json", "{}");
		const next = await host(5);
		ok(await next.script("restore"));
		assert.equal(next.text(marker), `restored:${snapshot}\n`);
		assert.equal(next.text(`${state}/said`), "by all");
		// Nor can a host make itself the future.
		ok(
			await asRoot(
				old,
				"restic backup --quiet --tag moltbot --tag generation:99 --tag sequence:9 $SAVED/tree",
			),
		);
		assert.equal(JSON.parse(ok(await next.script("drill"))).snapshot, snapshot);
	},
);

test(
	"the operator is told when no backup has succeeded for three intervals, once",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { received, url } = await receiver(t);
		const { append, at, script } = await host(3);
		writeFileSync(at("etc/moltbot/host-secrets/notify-url"), url);
		ok(await script("restore"));
		// The machine of a test is up for longer than three times nothing.
		append("etc/moltbot/host.env", "MOLTBOT_BACKUP_MINUTES=0\n");
		ok(await script("watch"));
		ok(await script("watch"));
		assert.equal(received.length, 1);
		assert.match(received[0] ?? "", /no backup has succeeded for \d+ minutes/);
	},
);

test(
	"a cache of restic that a kill or a power cut has torn is in nobody's way",
	options,
	async (t) => {
		const { host } = await startState(t);
		const h = await host(3);
		// Of the lab's backup image: 0.19 refuses where 0.18 warns.
		const restic = join(await rootTree(), "usr/bin/restic");
		copyFileSync(restic, h.at("usr/local/bin/restic"));
		ok(await h.script("restore"));
		const tear = async () =>
			ok(
				await asRoot(
					h,
					'for version in "$SAVED"/cache/*/version; do [[ -s $version ]]; : >"$version"; done',
				),
			);
		ok(await h.script("backup"));
		await tear();
		// Control: restic alone does not get through.
		refused(
			await asRoot(h, "in_image restic snapshots --no-lock </dev/null"),
			/unable to open cache/,
		);
		writeFileSync(h.at(`${state}/said`), "this");
		ok(await h.script("backup"));
		await tear();
		ok(await h.script("drill"));
		await tear();
		ok(await h.run("rm", `/${marker}`, `/${state}/said`));
		ok(await h.script("restore"));
		assert.equal(h.text(`${state}/said`), "this");
	},
);

test(
	"the backup image is pulled under a mark, which goes when it is on the disk or could not be had",
	options,
	async (t) => {
		const { host } = await startState(t);
		const h = await host(3);
		const mark = h.at("var/lib/containers/adding.backup");
		const pulls = () => h.text("tmp/calls").match(/^podman pull /gm)?.length;
		writeFileSync(h.at("tmp/no-image"), "");
		writeFileSync(h.at("tmp/on-pull"), "echo no route to it >&2; exit 125\n");
		refused(await h.script("restore"), /no route to it/);
		assert.equal(existsSync(mark), false);
		assert.equal(existsSync(h.at(marker)), false);
		writeFileSync(
			h.at("tmp/on-pull"),
			"[[ -e /var/lib/containers/adding.backup ]] && rm /tmp/no-image\n",
		);
		ok(await h.script("restore"));
		assert.equal(existsSync(mark), false);
		const before = pulls();
		ok(await h.script("backup"));
		assert.equal(pulls(), before, "it is not asked for again");
	},
);
