import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { marker, ok, refused, state } from "./asserts.ts";
import { skip, startState } from "./host.ts";
import { describeTree } from "./tree.ts";

const plant = `cd /${state}; mkdir node_modules deep; printf n >node_modules/n; printf z >deep/f; chown -R 2001:2001 .`;

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
	const gate = first.at("etc/moltbot/delivery.json");
	writeFileSync(gate, "{}");
	const line = JSON.parse(ok(await first.script("last-backup")));
	assert.equal(line.outcome, "saved");
	assert.equal(existsSync(gate), false, "a reboot would start the agent");
	const object = await admin.download(
		"state-tests",
		"moltbot/last-backup.json",
	);
	assert.equal(object.json.snapshot, line.snapshot);
	const calls = first.text("tmp/calls");
	assert.match(calls, /--user stop moltbot-gateway[\s\S]* backup --json/);
	for (const secret of Object.values(first.secrets))
		assert.ok(!calls.includes(secret));

	const second = await host(4);
	ok(await second.script("restore"));
	assert.equal(second.text(marker), `restored:${line.snapshot}\n`);
	assert.equal(describeTree(second.at(state)), describeTree(first.at(state)));
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

test("the password and the bucket alone bring the state back, under any name and after a stack that was lost", {
	skip,
}, async (t) => {
	const { admin, bucketId, key, host } = await startState(t);
	const first = await host(3);
	ok(await first.script("restore"));
	ok(await first.run("bash", "-c", plant));
	const { snapshot } = JSON.parse(ok(await first.script("backup")));

	// A lost stack leaves nothing but what is in the bucket: its claims say which generation comes next, and its key is gone.
	await admin.upload(bucketId, "moltbot/generation/00000003.json", "{}");
	await admin.upload(bucketId, "moltbot/generation/00000004.json", "{}");
	await admin.post("b2_delete_key", { applicationKeyId: key.id });
	refused(await first.script("backup"), /cannot list the bucket/);
	const second = await host(4, {
		hostname: "another-name",
		key: await admin.key({ bucketIds: [bucketId] }),
	});
	ok(await second.script("restore"));
	assert.equal(second.text(marker), `restored:${snapshot}\n`);
	assert.equal(describeTree(second.at(state)), describeTree(first.at(state)));
	const { sequence } = JSON.parse(ok(await second.script("backup")));
	assert.equal(sequence, 2, "the count goes on");

	// And under the first name again.
	const third = await host(5, {
		key: await admin.key({ bucketIds: [bucketId] }),
	});
	ok(await third.script("restore"));
	assert.equal(describeTree(third.at(state)), describeTree(first.at(state)));
});
