import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { skip, startState } from "./host.ts";

const ok = (result: {
	status: number | null;
	stdout: string;
	stderr: string;
}) => {
	assert.equal(result.status, 0, result.stderr);
	return result.stdout;
};
const refused = (
	result: { status: number | null; stderr: string },
	sentence: RegExp,
) => {
	assert.notEqual(result.status, 0);
	assert.match(result.stderr, sentence);
};
const marker = "var/lib/moltbot/.restored";
const state = "var/lib/moltbot/state";

/** A folder with what file systems allow; the exact tree as text is what must come back. */
const plant = `cd /${state}; umask 027
printf a >'two words'; printf b >$'new\\nline'; printf c >'-dash'; printf d >'ü€'
ln 'two words' hard; ln -s /nowhere dangling; truncate -s 5M sparse; printf x >>sparse
mkdir -p empty deep/er; printf z >deep/er/f; chmod 0600 deep/er/f; chown -R 2001:2001 .; chown 2000005:2000005 deep/er/f
mkdir node_modules; printf n >node_modules/n`;
const tree = (root: string) =>
	execFileSync(
		"bash",
		[
			"-c",
			`cd "$1"; find . -path ./node_modules -prune -o -printf '%p %y %m %U:%G %l %n\\n' | sort; find . -path ./node_modules -prune -o -type f -print0 | sort -z | xargs -0 sha256sum`,
			"bash",
			root,
		],
		{ encoding: "utf8" },
	)
		// The excluded folder counts as a link of its parent.
		.replace(/^\. d .*$/m, "");

test("what one generation saves the next one gets, whole", {
	skip,
}, async (t) => {
	const { admin, bucketId, host } = await startState(t);
	const first = await host(3);
	refused(await first.script("backup"), /was never restored/);
	assert.match(ok(await first.script("last-backup")), /nothing-to-save/);
	ok(await first.script("restore"));
	assert.equal(first.text(marker), "fresh\n");

	ok(await first.run("bash", "-c", plant));
	const line = JSON.parse(ok(await first.script("last-backup")));
	assert.equal(line.outcome, "saved");
	const object = await admin.download(
		"state-tests",
		"moltbot/last-backup.json",
	);
	assert.equal(object.json.snapshot, line.snapshot);
	const calls = first.text("tmp/calls");
	assert.match(calls, /freeze user-2001\.slice[\s\S]*thaw user-2001\.slice/);
	for (const secret of Object.values(first.secrets))
		assert.ok(!calls.includes(secret));

	const second = await host(4);
	ok(await second.script("restore"));
	assert.equal(second.text(marker), `restored:${line.snapshot}\n`);
	assert.equal(tree(second.at(state)), tree(first.at(state)));
	assert.equal(existsSync(second.at(`${state}/node_modules`)), false);

	// Fewer than half of the entries: refused, unless forced.
	ok(
		await second.run(
			"bash",
			"-c",
			`cd /${state}; for i in {1..60}; do echo $i >$i; done`,
		),
	);
	ok(await second.script("backup"));
	ok(await second.run("bash", "-c", `rm /${state}/[1-6]*`));
	refused(
		await second.script("backup"),
		/had \d+ entries, \d+ bytes in the last backup/,
	);
	ok(await second.script("backup", "--force"));

	// A later generation is in the bucket: the old host stops and writes nothing.
	await admin.upload(bucketId, "moltbot/generation/00000005.json", "{}");
	writeFileSync(second.at("etc/moltbot/delivery.json"), "{}");
	refused(await second.script("backup"), /a later host has taken over/);
	assert.equal(existsSync(second.at("etc/moltbot/delivery.json")), false);
	assert.match(second.text("tmp/calls"), /--user stop moltbot-gateway/);
});

test("a wrong password and a bucket out of reach never start empty", {
	skip,
}, async (t) => {
	const { lab, host } = await startState(t);
	const first = await host(3);
	ok(await first.script("restore"));
	ok(await first.script("backup"));
	const wrong = await host(4, { password: "wrong" });
	refused(
		await wrong.script("restore"),
		/password does not open the repository/,
	);
	assert.equal(existsSync(wrong.at(marker)), false);
	const cut = await host(5);
	await lab.close();
	refused(await cut.script("restore"), /cannot list the bucket/);
	assert.equal(existsSync(cut.at(marker)), false);
	refused(await cut.script("backup"), /was never restored/);
});
