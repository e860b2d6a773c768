import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { hostArtefacts, hostMissing } from "../../../lab/host/artefacts.ts";
import type { LabHostError } from "../../../lab/host/errors.ts";
import { LabHost } from "../../../lab/host/host.ts";
import { networkFile, testHost } from "./setup.ts";

/** What a host occupies on this machine outside its folder. */
function leftovers(name: string) {
	const cgroups = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
	return {
		cgroups: cgroups.flatMap((tree) =>
			existsSync(tree)
				? readdirSync(tree).filter((entry) => entry.includes(name))
				: [],
		),
		mounts: readFileSync("/proc/self/mounts", "utf8")
			.split("\n")
			.filter((line) => line.includes(name) || line.includes("labhost-")),
		loops: execFileSync(
			"losetup",
			["--list", "--noheadings", "--output", "BACK-FILE"],
			{ encoding: "utf8" },
		)
			.split("\n")
			.filter((file) => file.includes("labhost-")),
		namespaces: execFileSync("ip", ["netns"], { encoding: "utf8" })
			.split("\n")
			.filter((line) => line.includes(name)),
	};
}

test("a lab host applies Ignition, reboots with its disk, and a power cut loses what was not synced", {
	// The first run on a machine builds the trees.
	timeout: 900_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const artefacts = await hostArtefacts();
	const name = `moltbot-test-${process.pid}`;
	const before = leftovers(name);
	const { host, remove, shell, up } = await testHost(name, artefacts, () => ({
		ignition: { version: "3.3.0" },
		passwd: { users: [{ name: "moltbot", uid: 2001 }] },
		storage: {
			files: [
				networkFile,
				{
					path: "/etc/moltbot/nonce",
					mode: 0o400,
					user: { id: 2001 },
					contents: { source: `data:,${name}` },
				},
			],
		},
		systemd: {
			units: [
				{
					name: "proof.service",
					enabled: true,
					contents:
						"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
				},
			],
		},
	}));
	t.after(async () => {
		await remove();
		assert.deepEqual(
			leftovers(name),
			before,
			"a destroyed host leaves nothing",
		);
	});

	const began = performance.now();
	await host.boot();
	await up();
	t.diagnostic(`first boot: ${Math.round(performance.now() - began)} ms`);
	assert.equal(await shell("cat /etc/moltbot/nonce"), name);
	assert.equal(await shell("stat -c %u:%a /etc/moltbot/nonce"), "2001:400");
	assert.equal(await shell("systemctl is-active proof.service"), "active");
	assert.equal(await shell("id -u moltbot"), "2001");
	assert.match(await shell("ip -4 -o address show dev eth0"), /192\.0\.2\.2/);
	const machine = await shell("cat /etc/machine-id");
	const firstBoot = await shell("cat /proc/sys/kernel/random/boot_id");

	await shell(
		"echo kept >/var/kept && sync -f /var/kept && echo lost >/var/lost",
	);
	assert.equal(await shell("cat /var/lost"), "lost");
	await host.cutPower();
	await host.boot();
	await up();
	assert.equal(await shell("cat /var/kept"), "kept");
	assert.equal(await shell("cat /var/lost 2>/dev/null || echo gone"), "gone");
	assert.equal(
		await shell("cat /etc/machine-id"),
		machine,
		"the disk outlives its boots",
	);
	assert.notEqual(
		await shell("cat /proc/sys/kernel/random/boot_id"),
		firstBoot,
		"it is a boot of its own",
	);

	// It is found while its cgroups come and go.
	const churn = shell(
		"cd $(dirname $(grep --recursive --files-with-matches --line-regexp 1 /sys/fs/cgroup --include=cgroup.procs)) && for i in $(seq 1000); do mkdir -p a/b && rmdir a/b a; done",
	);
	let found = 0;
	while (
		await Promise.race([
			churn.then(() => false),
			shell("true").then(() => true),
		])
	)
		found += 1;
	assert.ok(found >= 10, `${found} commands meanwhile`);

	// Who runs a command in it does not keep it from going down, where systemd first stops and then kills all.
	const command = shell("echo $$ >/run/it; kill -STOP $$");
	await shell(
		"until grep -q '^State:.T' /proc/$(cat /run/it)/status; do :; done; systemctl poweroff",
	);
	assert.equal(await host.off(AbortSignal.timeout(60_000)), "guest");
	await Promise.allSettled([command]);
	await host.boot();
	await up();

	// The lab's process may die; the next one finds its hosts by their names.
	const heir = new LabHost(host.options);
	const same = await heir.exec(["cat", "/etc/machine-id"]);
	assert.equal(same.stdout.trim(), machine);
	await heir.powerOff();
	await assert.rejects(host.exec(["true"]), { code: "not-running" });
});

test("a lab host whose Ignition document is refused says so", {
	timeout: 900_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const { host, remove, up } = await testHost(
		`moltbot-refused-${process.pid}`,
		await hostArtefacts(),
		() => ({ ignition: { version: "99.0.0" } }),
	);
	t.after(remove);
	await host.boot();
	await assert.rejects(up(), (error: LabHostError) => {
		assert.equal(error.code, "boot-failed");
		assert.match(error.message, /Ignition stage fetch failed/);
		assert.match(error.message, /unsupported config version/);
		return true;
	});
});
