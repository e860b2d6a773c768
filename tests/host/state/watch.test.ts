import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { ok } from "./asserts.ts";
import { skip, startState } from "./host.ts";

test("an agent that stands still although nothing keeps it is started again, and only then", {
	skip,
	timeout: 180_000,
}, async (t) => {
	const { host } = await startState(t);
	const h = await host(3);
	h.append("etc/moltbot/host.env", "MOLTBOT_BACKUP_MINUTES=100000\n");
	const start = /^systemctl --user start --no-block moltbot-gateway\.service$/m;
	/** What the watch asks of the service manager where the agent's unit is in that state. */
	const asked = async (state: string, holding = "true") => {
		writeFileSync(h.at("tmp/active-state"), state);
		writeFileSync(h.at("tmp/calls"), "");
		ok(
			await h.run(
				"bash",
				"-c",
				`mkdir -p /run/moltbot; ${holding}; /usr/local/libexec/moltbot/watch`,
			),
		);
		return h.text("tmp/calls");
	};
	assert.doesNotMatch(await asked("inactive"), start, "before the restore");
	ok(await h.script("restore"));
	assert.match(await asked("inactive"), start);
	for (const state of ["active", "activating", "failed"])
		assert.doesNotMatch(await asked(state), start, state);
	for (const lock of ["deliver.lock", "state.lock"])
		assert.doesNotMatch(
			await asked("inactive", `exec 5>/run/moltbot/${lock}; flock 5`),
			start,
			lock,
		);
});
