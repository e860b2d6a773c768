import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { renderedTree, type Tree, valuesOf } from "./tree.ts";

const tree = renderedTree();
const gateway = "/etc/containers/systemd/users/2001/moltbot-gateway.container";

/** What every container of a unit must have; each a fault in words. */
function faultsOf(text: string): string[] {
	const faults: string[] = [];
	for (const line of [
		"ReadOnly=true",
		"NoNewPrivileges=true",
		"DropCapability=all",
		"LogDriver=journald",
	])
		if (!text.split("\n").includes(line)) faults.push(`lacks ${line}`);
	// The engine's own uid is for the one that stands before the engine.
	const user = /^Network=none$/m.test(text) ? "0:0" : "2001:2001";
	if (valuesOf(text, "User").join() !== user) faults.push(`is not ${user}`);
	// Another mapping than the engine's own costs a copy of the whole image.
	for (const value of valuesOf(text, "UserNS")) faults.push(`UserNS=${value}`);
	for (const key of ["PidsLimit", "MemoryMax", "StopTimeout"])
		if (valuesOf(text, key).length !== 1) faults.push(`lacks ${key}=`);
	for (const key of ["AddCapability", "SeccompProfile", "AddDevice", "Unmask"])
		for (const value of valuesOf(text, key)) faults.push(`${key}=${value}`);
	for (const value of valuesOf(text, "Network"))
		if (/^(host|container:|ns:)/.test(value)) faults.push(`Network=${value}`);
	for (const value of valuesOf(text, "PublishPort"))
		if (!value.startsWith("127.0.0.1:")) faults.push(`PublishPort=${value}`);
	for (const value of valuesOf(text, "PodmanArgs"))
		faults.push(`PodmanArgs=${value}: say it by a key`);
	for (const value of valuesOf(text, "Volume")) {
		const [source = "", , options = ""] = value.split(":");
		const isAgents = /^\/var\/lib\/moltbot\/(home|state|workspace|projects)$/;
		// The engine's socket is for the one that stands before it, which has no network and makes a socket of its own.
		const isSocket =
			/^Network=none$/m.test(text) &&
			/^%t\/(podman\/podman\.sock|moltbot-engine)$/.test(source);
		if (!isAgents.test(source) && !isSocket && !/\bro\b/.test(options))
			faults.push(`Volume=${value} can be written`);
		if (source === "%t/podman/podman.sock" && !isSocket)
			faults.push(`Volume=${value} is for moltbot-engine alone`);
		if (source === "/" || /^\/(proc|sys|dev|run|boot|root)\b/.test(source))
			faults.push(`Volume=${value}`);
	}
	return faults;
}

const containers = ({ files }: Tree) =>
	files.filter(({ path }) => path.endsWith(".container"));

describe("every container of a unit", () => {
	for (const { path, text } of containers(tree))
		test(`${path.split("/").at(-1)} has what keeps it in`, () => {
			assert.deepEqual(faultsOf(text), []);
		});

	test("one that has not is caught", () => {
		const text = containers(tree).find(({ path }) => path === gateway)?.text;
		assert.ok(text);
		for (const [from, to] of [
			["ReadOnly=true\n", ""],
			["NoNewPrivileges=true\n", ""],
			["User=2001:2001", "User=0:0"],
			["User=2001:2001", "User=2001:2001\nUserNS=keep-id"],
			["PidsLimit=", "# PidsLimit="],
			["MemoryMax=", "# MemoryMax="],
			["DropCapability=all", "DropCapability=all\nAddCapability=SYS_ADMIN"],
			["PublishPort=127.0.0.1:", "PublishPort="],
			["[Container]", "[Container]\nNetwork=host"],
			["[Container]", "[Container]\nSeccompProfile=unconfined"],
			["[Container]", "[Container]\nPodmanArgs=--privileged"],
			["/etc/moltbot:/etc/moltbot:ro", "/etc/moltbot:/etc/moltbot"],
			["%t/moltbot-engine:", "%t/podman/podman.sock:"],
		] as const)
			assert.equal(
				faultsOf(text.replace(from, to)).length,
				1,
				`${from} → ${to}`,
			);
	});
});

test("the agent's slice as a whole has limits", () => {
	const text = tree.files.find(({ path }) =>
		path.startsWith("/etc/systemd/system/user-2001.slice.d/"),
	)?.text;
	for (const key of ["TasksMax", "MemoryHigh", "MemoryMax", "CPUWeight"])
		assert.equal(valuesOf(text ?? "", key).length, 1, key);
});

test("sandboxes have limits, and no way out", () => {
	const text = readFileSync(
		new URL("../../agent-config/moltbot/openclaw.json5", import.meta.url),
		"utf8",
	);
	for (const expected of [
		/\bmode: "all"/,
		/\bmemory: "1g"/,
		/\bcpus: 1\b/,
		/\bpidsLimit: 256\b/,
		/\belevated: \{ enabled: false \}/,
	])
		assert.match(text, expected);
	assert.doesNotMatch(
		text,
		/network: "(host|container)|podman\.sock|privileged/,
	);
});

test("nothing of the host runs with the rights of root for the agent: no sudo rule, no setuid, no group of the journal", () => {
	for (const { path, mode, text } of tree.files) {
		assert.equal(mode & 0o6000, 0, path);
		assert.doesNotMatch(path, /sudoers/);
		if (path.startsWith("/etc/systemd/system/"))
			assert.doesNotMatch(text, /^User=moltbot$/m, path);
	}
});

test("the registry policy refuses what is not named", () => {
	const text = tree.files.find(
		({ path }) => path === "/etc/containers/policy.json",
	)?.text;
	const { default: otherwise, transports } = JSON.parse(text ?? "{}");
	assert.deepEqual(otherwise, [{ type: "reject" }]);
	for (const [scope, [requirement]] of Object.entries<[{ type: string }]>(
		transports.docker,
	)) {
		assert.match(scope, /^[a-z0-9.-]+\/\S+$/);
		assert.equal(requirement.type, "sigstoreSigned", scope);
	}
});
