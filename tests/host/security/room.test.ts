import assert from "node:assert/strict";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readFileSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { scratchHost, skip } from "../units/scratchHost.ts";

const room = new URL("../../../quadlets/host/room", import.meta.url).pathname;

const containers = [
	{ Id: "g1", Labels: { PODMAN_SYSTEMD_UNIT: "moltbot-gateway.service" } },
	{ Id: "s1", Labels: { "openclaw.sandbox": "1" } },
	{ Id: "s2", Labels: null },
];

test("a disk that fills up stops the sandboxes first, and only them", {
	skip,
}, (t) => {
	const host = scratchHost(t);
	const { at } = host;
	const run = (...command: string[]) => {
		const { status, stderr } = host.run(command);
		assert.equal(status, 0, stderr);
	};
	run("true");
	const program = (name: string, text: string) => {
		writeFileSync(at(`usr/local/bin/${name}`), `#!/bin/sh\n${text}\n`);
		chmodSync(at(`usr/local/bin/${name}`), 0o755);
	};
	copyFileSync(room, at("usr/local/libexec/moltbot/room"));
	// What the kept copy of a backup holds is free without it.
	program(
		"df",
		"echo Avail; if [ -e /var/lib/moltbot/backup/tree ]; then cat /tmp/free; else cat /tmp/free-without; fi",
	);
	program(
		"podman",
		`echo "podman $*" >>/tmp/calls; [ "$1" != ps ] || echo '${JSON.stringify(containers)}'`,
	);
	const look = (freeMib: number, without = freeMib) => {
		writeFileSync(at("tmp/free"), `${freeMib}\n`);
		writeFileSync(at("tmp/free-without"), `${without}\n`);
		writeFileSync(at("tmp/calls"), "");
		run("/usr/local/libexec/moltbot/room", "once");
		return readFileSync(at("tmp/calls"), "utf8");
	};
	const reserve = at("var/lib/moltbot/.reserve");
	const complaint = at("run/moltbot/room");

	// Room enough: a reserve is laid by, nobody is disturbed, and a little less makes no difference.
	assert.equal(look(10_000), "");
	assert.equal(statSync(reserve).size, 512 * 1024 * 1024);
	assert.equal(look(2500), "");
	assert.equal(existsSync(complaint), false);

	// The copy that backups keep goes first, but not while one is under way.
	const copy = at("var/lib/moltbot/backup/tree");
	mkdirSync(`${copy}/state`, { recursive: true });
	writeFileSync(`${copy}.mark`, "");
	assert.equal(look(2500), "");
	assert.ok(existsSync(copy));
	run(
		...["flock", "/run/moltbot/state.lock"],
		...[
			"bash",
			"-c",
			"echo 1500 >/tmp/free; /usr/local/libexec/moltbot/room once",
		],
	);
	assert.ok(existsSync(copy) && existsSync(`${copy}.mark`));
	assert.equal(look(1500, 2500), "");
	assert.equal(existsSync(copy) || existsSync(`${copy}.mark`), false);
	assert.equal(existsSync(complaint), false);

	const calls = look(1500);
	assert.match(calls, /podman stop --time 2 s1\npodman stop --time 2 s2\n$/);
	assert.doesNotMatch(calls, /g1/);
	assert.match(readFileSync(complaint, "utf8"), /1500 MiB left/);
	assert.ok(existsSync(reserve), "kept for worse");

	look(100);
	assert.equal(existsSync(reserve), false);

	assert.equal(look(5000), "");
	assert.equal(existsSync(complaint), false);
	assert.ok(existsSync(reserve), "laid by again");
});
