import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
	judgedCreate,
	judgedExec,
	limits,
	Refused,
	routeOf,
} from "../../quadlets/moltbot/engine-policy.ts";

const image = `ghcr.io/you/moltbot-sandbox@sha256:${"e".repeat(64)}`;
const skills =
	"/var/lib/moltbot/state/sandbox/skills-workspaces/workspace-b8b7/.openclaw/sandbox-skills/skills";
const bind = (source: string, destination: string, ...options: string[]) => ({
	destination,
	type: "bind",
	source,
	options,
});
/** What OpenClaw 2026.9.6 asks for by Podman 5.8.4, as recorded; without what is free text. */
const recorded = {
	name: "openclaw-sbx-podman-workspace-b8b78533bef20ade13667f7c9643361b",
	command: ["sleep", "infinity"],
	env_host: false,
	httpproxy: false,
	env: { LANG: "C.UTF-8", OPENCLAW_CLI: "1" },
	terminal: false,
	stdin: false,
	labels: {
		"openclaw.sandbox": "1",
		"openclaw.sessionKey": "agent:main:workspace:c9ae",
	},
	annotations: {
		"io.podman.annotations.userns": "keep-id:uid=2001,gid=2001",
		"io.podman.annotations.pids-limit": "256",
	},
	stop_timeout: 10,
	log_configuration: {},
	systemd: "true",
	sdnotifyMode: "container",
	pidns: {},
	utsns: {},
	remove: false,
	containerCreateCommand: ["podman", "create"],
	init_container_type: "",
	unsetenvall: false,
	manage_password: true,
	image,
	raw_image_name: image,
	image_volume_mode: "anonymous",
	init: true,
	mounts: [
		bind(skills, "/workspace/.openclaw/sandbox-skills/skills", "ro", "z"),
		bind("/var/lib/moltbot/projects", "/var/lib/moltbot/projects", "rw"),
		bind("/var/lib/moltbot/sandbox-secrets", "/run/secrets", "ro"),
		{ destination: "/tmp", type: "tmpfs", source: "tmpfs" },
		{ destination: "/var/tmp", type: "tmpfs", source: "tmpfs" },
		bind("/var/lib/moltbot/workspace", "/workspace", "z"),
		bind("/var/lib/moltbot/workspace/skills", "/workspace/skills", "ro", "z"),
	],
	ipcns: {},
	work_dir: "/workspace",
	volatile: false,
	privileged: false,
	user: "2001:2001",
	cap_drop: ["ALL"],
	seccomp_policy: "default",
	no_new_privileges: true,
	userns: { nsmode: "keep-id", value: "uid=2001,gid=2001" },
	read_only_filesystem: true,
	read_write_tmpfs: true,
	umask: "0022",
	cgroupns: {},
	netns: { nsmode: "bridge" },
	publish_image_ports: false,
	Networks: { default: { interface_name: "" } },
	resource_limits: {
		memory: { limit: 1073741824, swap: 2147483648 },
		cpu: { quota: 100000, period: 100000 },
		pids: { limit: 256 },
	},
	healthconfig: {},
	healthLogDestination: "local",
	healthMaxLogCount: 5,
	healthMaxLogSize: 500,
};
const route = (method: string, path: string) => {
	const url = new URL(path, "http://engine/");
	return routeOf(method, url.pathname.slice(1), url.searchParams);
};

describe("a new sandbox", () => {
	test("is made as OpenClaw asks, its parts of the agent's folders by volume", () => {
		const { mounts, volumes, userns, idmappings, ...rest } =
			judgedCreate(recorded);
		const { mounts: asked, userns: _, ...others } = recorded;
		assert.deepEqual(rest, others);
		assert.deepEqual(userns, { nsmode: "host" });
		assert.deepEqual(idmappings, {
			HostUIDMapping: true,
			HostGIDMapping: true,
		});
		assert.deepEqual(
			mounts,
			asked.filter(({ source }) => !/skills$/.test(source)),
		);
		assert.deepEqual(volumes, [
			{
				Name: "moltbot-state",
				Dest: "/workspace/.openclaw/sandbox-skills/skills",
				Options: ["ro"],
				SubPath: skills.slice("/var/lib/moltbot/state/".length),
			},
			{
				Name: "moltbot-workspace",
				Dest: "/workspace/skills",
				Options: ["ro"],
				SubPath: "skills",
			},
		]);
	});

	test("has no key that is not known, whatever its value", () => {
		fc.assert(
			fc.property(fc.string(), fc.jsonValue(), (key, value) => {
				fc.pre(!Object.hasOwn(recorded, key) && key !== "use_image_hosts");
				assert.throws(
					() => judgedCreate({ ...recorded, [key]: value }),
					Refused,
				);
			}),
			{ seed: 7 },
		);
	});

	test("has every key that keeps it in", () => {
		for (const key of [
			...["user", "cap_drop", "no_new_privileges", "read_only_filesystem"],
			...["userns", "netns", "labels", "resource_limits", "name", "image"],
		]) {
			const { [key as keyof typeof recorded]: _, ...without } = recorded;
			assert.throws(() => judgedCreate(without), Refused, key);
		}
	});

	test("mounts nothing else", () => {
		const workspace = "/var/lib/moltbot/workspace";
		for (const mount of [
			bind("/", "/host", "ro"),
			bind(workspace, "/etc", "z"),
			bind(`${workspace}/`, "/workspace", "z"),
			bind(`${workspace}/skills`, "/workspace/skills", "z"),
			bind(`${workspace}/../secrets`, "/workspace/../secrets", "ro"),
			bind(`${workspace}/a/../../secrets`, "/workspace/a/../../secrets", "ro"),
			bind(workspace, "/workspace", "suid"),
			bind(workspace, "/workspace", "shared"),
			bind("/var/lib/moltbot/sandbox-secrets", "/run/secrets"),
			bind("/var/lib/moltbot/state", "/workspace/x", "ro"),
			bind(
				skills.replace("workspace-b8b7", ".."),
				"/workspace/.openclaw/sandbox-skills/skills",
				"ro",
			),
			bind("__proto__", "/workspace", "ro"),
			{ type: "tmpfs", source: "tmpfs", destination: "/etc" },
			{ type: "devpts", source: "devpts", destination: "/tmp" },
			{ ...bind(workspace, "/workspace"), uidmappings: [] },
		])
			assert.throws(
				() => judgedCreate({ ...recorded, mounts: [mount] }),
				Refused,
				JSON.stringify(mount),
			);
	});

	test("has at most what the agent's configuration gives it", () => {
		const configuration = readFileSync(
			new URL("../../agent-config/moltbot/openclaw.json5", import.meta.url),
			"utf8",
		);
		assert.match(configuration, /\bmemory: "1g"/);
		assert.match(configuration, new RegExp(`\\bcpus: ${limits.cpus},`));
		assert.match(configuration, new RegExp(`\\bpidsLimit: ${limits.pids},`));
		assert.equal(limits.memory, 1024 ** 3);
		const { memory, cpu, pids } = recorded.resource_limits;
		for (const resource_limits of [
			{ memory, cpu },
			{ memory, cpu, pids: { limit: -1 } },
			{ memory, cpu, pids: { limit: 257 } },
			{ memory: { limit: 0 }, cpu, pids },
			{ memory: { limit: 2 ** 31 }, cpu, pids },
			{ memory: { ...memory, swap: -1 }, cpu, pids },
			{ memory, cpu: { quota: 200000, period: 100000 }, pids },
			{ memory, cpu: { quota: 1, period: 0 }, pids },
			{ memory, cpu, pids, devices: [{ allow: true }] },
			{ memory, cpu, pids, unified: { "memory.high": "max" } },
		])
			assert.throws(
				() => judgedCreate({ ...recorded, resource_limits }),
				Refused,
				JSON.stringify(resource_limits),
			);
	});
});

test("a command in a sandbox has no more rights than the sandbox", () => {
	const known = { User: "", Privileged: false, Cmd: ["true"], Tty: false };
	assert.deepEqual(judgedExec(known), known);
	for (const change of [
		{ Privileged: true },
		{ User: "0" },
		{ User: "root" },
		{ CapAdd: ["ALL"] },
		{ PreserveFDs: 3 },
	])
		assert.throws(() => judgedExec({ ...known, ...change }), Refused);
});

test("what OpenClaw asks for goes through", () => {
	const name = "openclaw-sbx-podman-workspace-b8b7";
	const session = "a".repeat(64);
	for (const [request, kind] of [
		["GET _ping", "open"],
		["GET info", "open"],
		["GET containers/json?all=true", "open"],
		[`GET images/${encodeURIComponent("ghcr.io/you/x")}@sha256:e/json`, "open"],
		[
			`POST images/pull?policy=missing&reference=${encodeURIComponent(image)}`,
			"open",
		],
		[`GET volumes/${name}/json`, "open"],
		["POST containers/create", "create"],
		[`GET containers/${name}/json?size=false`, "container"],
		[`POST containers/${name}/start?detachkeys=ctrl-p`, "container"],
		[`POST containers/${name}/exec`, "container"],
		[`DELETE containers/${name}?depend=false&force=true`, "container"],
		[`GET exec/${session}/json`, "exec"],
		[`POST exec/${session}/start`, "exec"],
		[`POST exec/${session}/remove`, "exec"],
	] as const) {
		const [method = "", path = ""] = request.split(" ");
		assert.equal(route(method, path).kind, kind, request);
	}
});

test("nothing else does", () => {
	for (const request of [
		"POST images/load",
		"POST images/import",
		"POST build",
		"DELETE images/x",
		"POST images/x/tag",
		"POST images/pull?policy=always&reference=x",
		"POST images/pull?policy=missing&reference=x:latest",
		"POST commit?container=x",
		"GET images/x/get",
		"POST volumes/create",
		"GET volumes/json",
		"GET secrets/json",
		"POST secrets/create",
		"POST networks/create",
		"POST pods/create",
		"POST play/kube",
		"POST system/prune",
		"POST containers/prune",
		"GET events",
		"PUT containers/x/archive",
		"GET containers/x/archive",
		"GET containers/x/export",
		"POST containers/x/attach",
		"POST containers/x/update",
		"POST containers/x/rename",
		"POST containers/x/checkpoint",
		"POST containers/x/init",
		"POST containers/x/mount",
		"DELETE containers/x?depend=true",
		"POST exec/x/start",
		"",
		"GET ",
	]) {
		const [method = "", path = ""] = request.split(" ");
		assert.throws(() => route(method, path), Refused, request);
	}
});
