// What a gateway that is taken over asks of the engine; between the two stands quadlets/moltbot/engine.ts. In the control run its
// container has the engine's own socket, as without that.
import { bareEngine } from "./attackHost.ts";
import type { Attempt } from "./attempts.ts";

const api =
	"api() { curl -sS --max-time 20 --unix-socket /run/podman/podman.sock -H 'Content-Type: application/json' \"$@\"; }; u=http://d/v5.0.0/libpod; n=openclaw-sbx-$RANDOM$RANDOM";

/** What OpenClaw asks for, as far as the engine needs it. */
export const sandboxRequest = {
	name: "@NAME@",
	image: "@IMAGE@",
	labels: { "openclaw.sandbox": "1" } as Record<string, string>,
	command: ["sleep", "infinity"],
	user: "2001:2001",
	cap_drop: ["ALL"],
	no_new_privileges: true,
	read_only_filesystem: true,
	userns: { nsmode: "keep-id", value: "uid=2001,gid=2001" },
	netns: { nsmode: "bridge" },
	mounts: [
		{
			type: "bind",
			source: "/var/lib/moltbot/workspace",
			destination: "/workspace",
			options: ["z"],
		},
	],
	resource_limits: {
		memory: { limit: 1 << 30 },
		cpu: { quota: 100_000, period: 100_000 },
		pids: { limit: 256 },
	},
};

/** Asks for a container; "won" when there is one. */
export const asking = (create: object) =>
	`${api}; a=$(api -d "$(echo '${JSON.stringify(create)}' | sed "s/@NAME@/$n/")" $u/containers/create); echo "$a"; case $a in *'"Id"'*) echo won; api -X DELETE "$u/containers/$n?force=true" >/dev/null ;; esac; true`;

const bind = (
	source: string,
	destination: string,
	...options: string[]
): object => ({
	mounts: [{ type: "bind", source, destination, options }],
});
const cannot: Record<string, object> = {
	"a privileged container": { privileged: true },
	"a container with the whole disk": bind("/", "/host", "ro"),
	"a container with the engine's socket": bind(
		"/run/user/2001/podman",
		"/workspace/x",
		"ro",
	),
	"a container with the gateway's secrets": bind(
		"/var/lib/moltbot/secrets",
		"/workspace/x",
		"ro",
	),
	"a container with what lies beside the workspace": bind(
		"/var/lib/moltbot/workspace/../secrets",
		"/workspace/../secrets",
		"ro",
	),
	"a container that may write to its own tokens": bind(
		"/var/lib/moltbot/sandbox-secrets",
		"/run/secrets",
		"rw",
	),
	"a container in the host's network": { netns: { nsmode: "host" } },
	"a container in the gateway's network": {
		netns: { nsmode: "container", value: "gateway" },
	},
	"a container among the host's processes": { pidns: { nsmode: "host" } },
	"a container as another uid": {
		user: "0:0",
		userns: { nsmode: "host" },
	},
	"a container with subordinate ids": {
		userns: { nsmode: "keep-id", value: "uid=1000,gid=1000" },
		user: "5:5",
	},
	"a container with a capability": { cap_add: ["SYS_ADMIN"] },
	"a container that keeps its capabilities": { cap_drop: [] },
	"a container with a device": { devices: [{ path: "/dev/fuse" }] },
	"a container without a filter of system calls": {
		seccomp_profile_path: "unconfined",
	},
	"a container without a label of SELinux": { selinux_opts: ["disable"] },
	"a container that may gain rights": { no_new_privileges: false },
	"a container that passes for a unit": {
		labels: {
			"openclaw.sandbox": "1",
			PODMAN_SYSTEMD_UNIT: "moltbot-gateway.service",
		},
	},
	"a container that is told from no sandbox": { labels: {} },
	"a container that steers its runtime": {
		annotations: { "run.oci.keep_original_groups": "1" },
	},
	"a container that logs into a file of the host": {
		log_configuration: { driver: "k8s-file", path: "/var/tmp/planted.log" },
	},
	"a container with more memory": {
		resource_limits: {
			...sandboxRequest.resource_limits,
			memory: { limit: 2 ** 32 },
		},
	},
	"a container that starts again by itself": { restart_policy: "always" },
};
/** Other doors: method and path, and what the engine itself says where it lets the caller in. */
const doors: readonly [name: string, script: string][] = [
	[
		"run a command in what stands before the engine",
		`a=$(api -d '{"Cmd":["true"]}' $u/containers/engine/exec); echo "$a"; case $a in *'"Id"'*) echo won ;; esac`,
	],
	[
		"run a command in a sandbox with more rights",
		`a=$(api -d '{"Cmd":["true"],"Privileged":true}' $u/containers/sandbox/exec); echo "$a"; case $a in *'"Id"'*) echo won ;; esac`,
	],
	[
		"run a command in a sandbox as root",
		`a=$(api -d '{"Cmd":["true"],"User":"0"}' $u/containers/sandbox/exec); echo "$a"; case $a in *'"Id"'*) echo won ;; esac`,
	],
	[
		"read the settings of what stands before the engine",
		`api $u/containers/engine/json | tee /tmp/a | head -c 300; grep -q '"Id"' /tmp/a && echo && echo won`,
	],
	[
		"give an image another name",
		`api -w '%{http_code}' -X POST "$u/images/localhost%2Fattacker/tag?repo=localhost/gateway&tag=x" | tee /tmp/a; grep -q 201 /tmp/a && echo && echo won; true`,
	],
	[
		"bring in an image",
		`a=$(tar -C / -c bin/true | api --data-binary @- -H 'Content-Type: application/x-tar' "$u/images/import?reference=localhost/planted"); echo "$a"; case $a in *rejected*|*'"Id"'*) echo won ;; esac`,
	],
	[
		"make a volume of the host's root",
		`a=$(api -d '{"Name":"'$n'","Options":{"type":"none","o":"bind","device":"/"}}' $u/volumes/create); echo "$a"; case $a in *Mountpoint*) echo won ;; esac`,
	],
	[
		"write into a container from outside",
		`tar -C / -c bin/true | api -w '%{http_code}' -X PUT --data-binary @- -H 'Content-Type: application/x-tar' "$u/containers/sandbox/archive?path=/tmp" | tee /tmp/a; grep -q '200$' /tmp/a && echo && echo won; true`,
	],
	[
		"rename a container",
		`api -w '%{http_code}' -X POST "$u/containers/sandbox/rename?name=sandbox" | tee /tmp/a; grep -Eq '204|already in use|409' /tmp/a && echo && echo won; true`,
	],
	[
		"take the limits off a sandbox",
		`a=$(api -w '%{http_code}' -d '{"pids":{"limit":9999}}' "$u/containers/sandbox/update"); echo "$a"; case $a in *201|*"crun update"*) echo won ;; esac`,
	],
	[
		"use the engine's other API",
		`a=$(api -d '{"Image":"@IMAGE@","HostConfig":{"Privileged":true}}' "http://d/v1.41/containers/create?name=$n"); echo "$a"; case $a in *'"Id"'*) echo won; api -X DELETE "$u/containers/$n?force=true" >/dev/null ;; esac; true`,
	],
	[
		"list the engine's secrets",
		`api -w '%{http_code}' $u/secrets/json | tee /tmp/a; grep -q '200$' /tmp/a && echo && echo won; true`,
	],
	[
		"ask by a path that goes around",
		`a=$(api --path-as-is -w '%{http_code}' "$u/containers/sandbox/../../volumes/json"); echo "$a"; case $a in *200|*301) echo won ;; esac`,
	],
	[
		// A second request behind one that asks for a stream: after the engine's refusal it must not reach the engine.
		"slip a request in behind another",
		`node -e '
const s = require("node:net").connect("/run/podman/podman.sock"); let a = "";
s.on("data", (d) => { a += d; if (a.includes("Mountpoint")||a.includes("[]")) { console.log("won"); process.exit(); } });
s.on("close", () => { console.log(a.slice(0, 400)); process.exit(); });
setTimeout(() => s.destroy(), 3000);
s.write("POST /v5.0.0/libpod/exec/" + "0".repeat(64) + "/start HTTP/1.1\\r\\nHost: d\\r\\nContent-Type: application/json\\r\\nConnection: Upgrade\\r\\nUpgrade: tcp\\r\\nContent-Length: 2\\r\\n\\r\\n{}GET /v5.0.0/libpod/volumes/json HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n");'`,
	],
];

const workspace = "/var/lib/moltbot/workspace";
const skills =
	"/var/lib/moltbot/state/sandbox/skills-workspaces/x/.openclaw/sandbox-skills";
/** A folder of the agent's that turns out to be a link to the engine's socket. */
const planted = {
	...sandboxRequest,
	command: [
		"bash",
		"-c",
		"exec 2>&1; stat /workspace/.openclaw/sandbox-skills/skills/podman.sock && echo won",
	],
	mounts: [
		...sandboxRequest.mounts,
		{
			type: "bind",
			source: `${skills}/skills`,
			destination: "/workspace/.openclaw/sandbox-skills/skills",
			options: ["ro", "z"],
		},
	],
};
const plant = `mkdir -p ${skills}; rm -rf ${skills}/skills`;
/** Makes a container of the planted mount, and says what its command says. */
const startPlanted = `api -d "$(echo '${JSON.stringify(planted)}' | sed "s/@NAME@/$n/")" $u/containers/create; api -X POST $u/containers/$n/start; api -X POST "$u/containers/$n/wait?condition=stopped&condition=exited" >/dev/null; api "$u/containers/$n/logs?stdout=true" | tr -d '\\000-\\010'; api -X DELETE "$u/containers/$n?force=true" >/dev/null`;
/** The same with a folder instead of the link works. */
export const skillsWork = `${api}; ${plant}; mkdir ${skills}/skills; : >${skills}/skills/podman.sock; ${startPlanted}; ${plant}`;

export const policyAttempts: readonly Attempt[] = [
	...Object.entries(cannot).map(
		([name, change]): Attempt => ({
			name,
			from: "gateway",
			script: asking({ ...sandboxRequest, ...change }),
			refusal: /engine policy/,
			control: bareEngine,
		}),
	),
	...doors.map(
		([name, script]): Attempt => ({
			name,
			from: "gateway",
			script: `${api}; cd /tmp; ${script}`,
			refusal: /engine policy|no exec session/,
			control: bareEngine,
		}),
	),
	{
		name: "mount the engine's socket by a link",
		from: "gateway",
		script: `${api}; ${plant}; ln -s /run/user/2001/podman ${skills}/skills; ${startPlanted}; ${plant}`,
		refusal: /not.*(within|inside|in).*volume|outside|subpath|No such file/i,
		// By the bare engine the sandbox has the engine's uid, which has to get to the mount first.
		control: {
			...bareEngine,
			switch: {
				off: `${bareEngine.switch.off}; chmod 0711 ${workspace}`,
				on: `${bareEngine.switch.on}; chmod 0700 ${workspace}`,
			},
		},
	},
];
