// What the service manager does when a unit of the state fails, on a host of the product's own document.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hostArtefacts, hostMissing } from "../../../lab/host/artefacts.ts";
import { labAddress, testHost } from "../labhost/setup.ts";
import { document } from "../security/attackHost.ts";
import { cgroup } from "./host.ts";

/** Receives webhooks in the lab's namespace; prints what each was sent on a line of its own. */
const receiver = `require("http").createServer((q, a) => { let b = ""; q.on("data", (c) => b += c).on("end", () => { console.log(q.method + " " + q.url + " " + b.replaceAll("\\n", " ")); a.end(); }); }).listen(8080, "${labAddress}", () => console.log("ready"))`;

test("a backup and a drill that fail are told to the operator, and the agent is not left frozen", {
	timeout: 900_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const received: string[] = [];
	const { host, remove, shell, up } = await testHost(
		`mbt-notices-${process.pid}`,
		await hostArtefacts(),
		async (_dir, namespace) => {
			const child = spawn(
				"ip",
				[
					...["netns", "exec", namespace],
					...[process.execPath, "-e", receiver],
				],
				{ stdio: ["ignore", "pipe", "inherit"] },
			);
			t.after(() => child.kill());
			const lines = createInterface(child.stdout);
			await new Promise((resolve) => lines.once("line", resolve));
			lines.on("line", (line) => received.push(line));
			return document();
		},
	);
	t.after(remove);
	await host.boot();
	await up();
	await shell(`set -e
install -d -m 0700 /etc/moltbot/host-secrets
printf 'http://${labAddress}:8080/hook' >/etc/moltbot/host-secrets/notify-url
echo fresh >/var/lib/moltbot/.restored`);

	/** Waits for it; where it never comes, the journal says why. */
	const until = async (isThere: () => Promise<boolean> | boolean) => {
		const end = Date.now() + 60_000;
		while (!(await isThere())) {
			if (Date.now() > end)
				assert.fail(
					`${received.join("\n")}\n${await shell(`cat ${cgroup}/cgroup.events; journalctl --no-pager -n 40 -u backup.service -u drill.service -u 'notify@*'`)}`,
				);
			await sleep(100);
		}
	};
	for (const unit of ["backup.service", "drill.service"]) {
		// Nothing was delivered, so it cannot succeed.
		const result = await shell(`systemctl start ${unit} 2>&1 || true
systemctl show --property=Result --value ${unit}`);
		assert.match(result, /exit-code$/, `${unit}: ${result}`);
		const told = `"moltbot (generation 7): ${unit} failed: see moltbot status"`;
		await until(() => received.some((line) => line.includes(told)));
	}
	assert.equal(received.length, 2, received.join("\n"));
	assert.match(received[0] ?? "", /^POST \/hook \{"text":/);

	// The run is killed while the agent is frozen: the unit thaws it.
	const state = `sed -n 's/^frozen //p' ${cgroup}/cgroup.events`;
	await shell(
		`install -d /etc/systemd/system/backup.service.d; printf '[Service]\\nExecStart=\\nExecStart=/bin/bash -c "echo 1 >${cgroup}/cgroup.freeze; exec sleep 600"\\n' >/etc/systemd/system/backup.service.d/test.conf; systemctl daemon-reload; systemctl start --no-block backup.service`,
	);
	await until(async () => (await shell(state)) === "1");
	await shell(
		"kill -KILL $(systemctl show --property=MainPID --value backup.service)",
	);
	await until(async () => (await shell(state)) === "0");
	await until(() => received.length === 3);

	// Everything of the unit is killed, also what should thaw: then the watch does.
	await shell("systemctl start --no-block backup.service");
	await until(async () => (await shell(state)) === "1");
	await shell(
		"printf 'ExecStopPost=\\n' >>/etc/systemd/system/backup.service.d/test.conf; systemctl daemon-reload; systemctl kill --signal=KILL backup.service",
	);
	await until(() => received.length === 4);
	assert.equal(await shell(state), "1");
	await shell("/usr/local/libexec/moltbot/watch || true");
	assert.equal(await shell(state), "0");
});
