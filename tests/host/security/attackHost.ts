// A host of the product's own document with an attacker on it: on the host as the uid of the agent's engine, or as that of its files; in a
// container like the gateway's, and in one like a sandbox of OpenClaw's.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { moltbot } from "../../../infra/platforms/moltbot.ts";
import { renderHost, repository } from "../../../infra/render.ts";
import { sampleValues } from "../../../infra/testing.ts";
import { hostArtefacts } from "../../../lab/host/artefacts.ts";
import type { LabHost } from "../../../lab/host/host.ts";
import { file, labAddress, testHost } from "../labhost/setup.ts";
import type { Attempt } from "./attempts.ts";
import type { Arrival } from "./namespaces.ts";
import type { End } from "./wire.ts";

const wire = new URL("wire.ts", import.meta.url).pathname;

/** Where an attempt begins. */
export type From = "uid" | "owner" | "gateway" | "sandbox";

/** What a command did. */
export interface Result {
	readonly code: number;
	readonly output: string;
}

/**
 * Where what was said in a container is kept, on the host and inside. Not by the stream of `podman --remote exec` and `run`: it loses the
 * output of a short command at times, all of it and without a word (https://github.com/containers/podman/issues/25855). No unit mounts
 * it; root's alone, so that every uid of a container can write to a file that is there, and to no other.
 */
const kept = { host: "/var/tmp/said", inside: "/said" };

const hearing = `--volume=${kept.host}:${kept.inside}`;

/** By the service of the user's session: outside of one nothing may make a cgroup. */
const remote = "--remote --url unix:///run/user/2001/podman/podman.sock";

/** Root becomes whom the agent's files belong to: uid 2001 of its containers. */
const owner =
	"cd / && timeout 60 setpriv --reuid=2002000 --regid=2002000 --clear-groups env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin";

/** Root becomes the uid of the agent's engine. */
const agent =
	"cd / && timeout 60 setpriv --reuid=2001 --regid=2001 --clear-groups env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin HOME=/var/home/moltbot XDG_RUNTIME_DIR=/run/user/2001 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/2001/bus";

/** Programs that the attacker has with him wherever he is. */
const programs = [
	...["bash", "cat", "chmod", "chown", "cp", "curl", "dd", "df", "find"],
	...["getent", "grep", "head", "id", "ip", "kill", "ln", "ls", "mkdir"],
	...["mknod", "mount", "mv", "nsenter", "ps", "rm", "sed", "setpriv"],
	...["sh", "sleep", "stat", "su", "sysctl", "tail", "timeout", "touch"],
	...[
		"true",
		"truncate",
		"umount",
		"unshare",
		"chroot",
		"tr",
		"node",
		"tar",
		"tee",
	],
];

const network = file(
	"/etc/systemd/network/10-eth0.network",
	`[Match]\nName=eth0\n[Network]\nAddress=192.0.2.2/24\nGateway=${labAddress}\nAddress=2001:db8:2::2/64\nGateway=2001:db8:2::1\n`,
);

/** What a delivery brings for what stands before the engine. */
const engineFiles = moltbot.files
	.filter(({ path }) => path.startsWith("/etc/moltbot/engine"))
	.map(({ path, template }) => ({
		...file(path, readFileSync(`${repository}${template}`, "utf8")),
		mode: 0o644,
	}));

/** What the document cannot say here: the look-alike is uCore from its first boot, has no tailnet and no clouds. */
function overlay() {
	const none = "[Unit]\nConditionPathExists=/no/such/thing/here\n";
	return [
		network,
		...engineFiles,
		file("/etc/os-release", "ID=fedora\nVERSION_ID=44\nVARIANT_ID=ucore\n"),
		...["join", "rebase", "notify"].map((name) =>
			file(`/etc/systemd/system/${name}.service.d/none.conf`, none),
		),
	];
}

export class AttackHost {
	readonly host: LabHost;
	/** What reached the attacker's targets outside. */
	readonly arrivals: readonly Arrival[];
	#image = "localhost/attacker";
	#runs = 0;

	private constructor(host: LabHost, arrivals: readonly Arrival[]) {
		this.host = host;
		this.arrivals = arrivals;
	}

	/** Boots it, with `around` as addresses of the lab that answer on `ends`. */
	static async boot(
		t: TestContext,
		around: readonly string[],
		ends: readonly End[],
	): Promise<AttackHost> {
		const artefacts = await hostArtefacts();
		const name = `mbt-attack-${process.pid}`;
		let listener: { child: ChildProcess; arrivals: Arrival[] } | undefined;
		const { host, remove, up } = await testHost(
			name,
			artefacts,
			async (_dir, labNamespace) => {
				for (const address of ["2001:db8:2::1/64", ...around])
					await done(
						spawn("ip", [
							...["-n", labNamespace, "address", "add"],
							...[address, "dev", "host"],
							...(address.includes(":") ? ["nodad"] : []),
						]),
					);
				listener = await listen(labNamespace, ends);
				return document();
			},
		);
		t.after(remove);
		t.after(() => listener?.child.kill());
		await host.boot();
		await up();
		const attack = new AttackHost(host, listener?.arrivals ?? []);
		await attack.#prepare();
		return attack;
	}

	/** Runs a shell script as root of the host. */
	async root(script: string): Promise<Result> {
		return this.host.exec(["/bin/bash", "-c", script]).then(
			({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
			(error: { code?: number; stdout?: string; stderr?: string }) => ({
				code: error.code ?? -1,
				output: `${error.stdout ?? ""}${error.stderr ?? ""}`,
			}),
		);
	}

	/** Runs a shell script from where the attacker is; `@IMAGE@` in it is the image of his containers, by digest. */
	async run(from: From, script: string): Promise<Result> {
		if (from === "gateway" || from === "sandbox")
			return this.#inside(`podman ${remote} exec ${from}`, script);
		const become = from === "owner" ? owner : agent;
		return this.root(`${become} bash -c ${this.#shell("exec 2>&1", script)}`);
	}

	/** The attempt without its protection (a switch is thrown by the caller); undefined where there can be no such run. */
	async control(attempt: Attempt): Promise<Result | undefined> {
		const { control, from, script } = attempt;
		if ("none" in control) return undefined;
		if ("asRoot" in control) return this.root(`exec 2>&1\n${script}`);
		if ("container" in control) {
			const original = from === "gateway" ? gatewayArguments : sandboxArguments;
			const remaining = original.filter(
				(argument) =>
					!control.without?.includes(argument) &&
					!/^(--name=|--publish=)/.test(argument),
			);
			// The image and its command come last.
			const options = [...remaining.slice(0, -3), ...control.container];
			return this.#inside(
				`podman ${remote} run --rm ${hearing} ${options.join(" ")} localhost/attacker`,
				script,
			);
		}
		return this.run(from, script);
	}

	/** Runs a shell script in a container; `start` begins a program there. */
	async #inside(start: string, script: string): Promise<Result> {
		this.#runs += 1;
		const name = `${this.#runs}`;
		const file = `${kept.host}/${name}`;
		const shell = this.#shell(`exec >${kept.inside}/${name} 2>&1`, script);
		// What comes by the stream is the engine's own words.
		return this.root(
			`install -m 0666 /dev/null ${file}; ${agent} ${start} bash -c ${shell}; code=$?; cat ${file}; rm ${file}; exit $code`,
		);
	}

	#shell(first: string, script: string): string {
		return quote(`${first}\n${script.replaceAll("@IMAGE@", this.#image)}`);
	}

	/** What was planted must live through this. */
	async reboot(): Promise<void> {
		const boot = "cat /proc/sys/kernel/random/boot_id";
		const { output: before } = await this.root(boot);
		await this.root("systemctl reboot");
		const deadline = AbortSignal.timeout(120_000);
		for (;;) {
			deadline.throwIfAborted();
			const { code, output } = await this.root(boot).catch(() => ({
				code: -1,
				output: "",
			}));
			if (code === 0 && output !== before) break;
			await sleep(200);
		}
		await this.host.waitUntilUp(deadline);
	}

	/** Root's script to take a protection away, or to give it back. */
	async switch(script: string): Promise<void> {
		await this.#must(script);
	}

	/** Makes the attacker's image and starts the two containers. */
	async #prepare(): Promise<void> {
		const image = "/var/tmp/attacker";
		copyFileSync(process.execPath, `${await this.#tree()}/usr/local/bin/node`);
		await this.#must(
			[
				`mkdir -p ${image}/{bin,etc,proc,sys,dev,tmp,run,workspace,var/lib/moltbot}`,
				`chmod 1777 ${image}/tmp`,
				`ln -s bin ${image}/sbin; mkdir ${image}/usr; ln -s ../bin ${image}/usr/bin; ln -s ../bin ${image}/usr/sbin`,
				`for p in ${programs.join(" ")}; do f=$(readlink -f "$(type -P $p)"); cp "$f" ${image}/bin/$p; ldd "$f" | grep -o '/[^ ]*' | while read -r l; do mkdir -p ${image}/$(dirname $l); cp -L $l ${image}$l; done; done`,
				`cp -L /usr/lib/x86_64-linux-gnu/libnss_{files,dns}.so.2 ${image}/lib/x86_64-linux-gnu/ 2>/dev/null || true`,
				`printf 'root:x:0:0::/:/bin/sh\\nagent:x:2001:2001::/:/bin/sh\\n' >${image}/etc/passwd`,
				`cp ${image}/bin/id ${image}/bin/setuid-id; chmod u+s ${image}/bin/setuid-id`,
				`tar -C ${image} -c . >/var/tmp/attacker.tar`,
			].join("\n"),
		);
		await this.#must(
			"for i in $(seq 100); do [ -S /run/user/2001/podman/podman.sock ] && exit; sleep 0.1; done; systemctl status user@2001.service; exit 1",
		);
		const podman = async (script: string) => {
			const { code, output } = await this.run("uid", `podman ${script}`);
			if (code !== 0) throw new Error(`podman ${script}: ${output}`);
		};
		// What a delivery, a join and a backup leave on a host.
		await this.#must(
			[
				"install -d -m 0700 /etc/moltbot/host-secrets /var/lib/tailscale /var/lib/moltbot/backup",
				"umask 377; for name in backup-password backup-key; do echo secret >/etc/moltbot/host-secrets/$name; done",
				"echo secret >/var/lib/tailscale/tailscaled.state; echo {} >/var/lib/moltbot/backup/last.json",
				"umask 077; echo mine >/var/home/core/notes",
				"umask 022; echo {} >/etc/moltbot/openclaw.json; chown 0:2002000 /etc/moltbot/openclaw.json; chmod 0640 /etc/moltbot/openclaw.json",
			].join("\n"),
		);
		// The host's policy refuses this import, which is an attempt of its own; the real images came by a delivery.
		await this.#must(
			`echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/var/tmp/policy.json`,
		);
		await podman(
			"import --signature-policy=/var/tmp/policy.json /var/tmp/attacker.tar localhost/attacker",
		);
		const { output } = await this.run(
			"uid",
			"podman image inspect --format '{{.Digest}}' localhost/attacker",
		);
		this.#image = `localhost/attacker@${output.trim()}`;
		await this.#must(
			"install -d -m 0711 -o 2001 -g 2001 /run/user/2001/moltbot-engine",
		);
		for (const name of ["state", "workspace"])
			await podman(
				`${remote} volume create --ignore --opt type=none --opt o=bind --opt device=/var/lib/moltbot/${name} moltbot-${name}`,
			);
		await this.#must(`install -d ${kept.host}`);
		for (const run of [engineArguments, gatewayArguments, sandboxArguments])
			await podman(`${remote} run --detach ${hearing} ${run.join(" ")}`);
	}

	/** The host's files, from outside. */
	async #tree(): Promise<string> {
		const { output } = await this.root("readlink /proc/self/ns/mnt");
		for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
			try {
				if (readlinkSync(`/proc/${pid}/ns/mnt`) === output.trim())
					return `/proc/${pid}/root`;
			} catch {
				// It has ended.
			}
		throw new Error("no process of the host is to be seen");
	}

	async #must(script: string): Promise<void> {
		const { code, output } = await this.root(`set -e\n${script}`);
		if (code !== 0) throw new Error(`preparing the attack: ${output}`);
	}
}

/** As in quadlets/moltbot/moltbot-gateway.container; attacks.test.ts compares the two. */
export const gatewayArguments = [
	...["--name=gateway", "--user=2001:2001", "--read-only"],
	...["--security-opt=no-new-privileges", "--cap-drop=all"],
	...["--pids-limit=1024", "--publish=127.0.0.1:18789:18789"],
	"--volume=/etc/moltbot:/etc/moltbot:ro",
	"--volume=/var/lib/moltbot/secrets:/var/lib/moltbot/secrets:ro",
	"--volume=/var/lib/moltbot/home:/var/lib/moltbot/home",
	"--volume=/var/lib/moltbot/state:/var/lib/moltbot/state",
	"--volume=/var/lib/moltbot/workspace:/var/lib/moltbot/workspace",
	"--volume=/var/lib/moltbot/projects:/var/lib/moltbot/projects",
	"--volume=/run/user/2001/moltbot-engine:/run/podman:ro",
	...["localhost/attacker", "sleep", "infinity"],
];

/** As in quadlets/moltbot/moltbot-engine.container. */
const engineArguments = [
	...["--name=engine", "--user=0:0", "--read-only"],
	...["--security-opt=no-new-privileges", "--cap-drop=all"],
	...["--pids-limit=64", "--network=none"],
	"--volume=/run/user/2001/podman/podman.sock:/run/podman/podman.sock",
	"--volume=/run/user/2001/moltbot-engine:/run/engine",
	"--volume=/etc/moltbot:/etc/moltbot:ro",
	...["localhost/attacker", "node", "/etc/moltbot/engine.ts"],
];
/** The gateway without: with the engine itself in the place of what stands before it, and the socket open to every uid. */
export const bareEngine = {
	switch: {
		off: "chmod 0666 /run/user/2001/podman/podman.sock",
		on: "chmod 0600 /run/user/2001/podman/podman.sock",
	},
	without: ["--volume=/run/user/2001/moltbot-engine:/run/podman:ro"],
	container: [
		"--volume=/run/user/2001/podman/podman.sock:/run/podman/podman.sock",
	],
};

/** As OpenClaw makes them, from its recorded call, and as moltbot-engine lets them through. */
export const sandboxArguments = [
	...["--name=sandbox", "--init", "--label=openclaw.sandbox=1"],
	...["--read-only", "--tmpfs=/tmp", "--tmpfs=/var/tmp", "--network=bridge"],
	...["--user=2001:2001", "--cap-drop=ALL"],
	...["--security-opt=no-new-privileges", "--pids-limit=256"],
	...["--memory=1g", "--cpus=1", "--http-proxy=false"],
	"--read-only-tmpfs=true",
	...["--workdir=/workspace", "--volume=/var/lib/moltbot/workspace:/workspace"],
	"--volume=/var/lib/moltbot/projects:/var/lib/moltbot/projects:rw",
	...["localhost/attacker", "sleep", "infinity"],
];

/** The product's document with `overlay`, and further files of a test. */
export function document(
	further: readonly ReturnType<typeof file>[] = [],
): object {
	const ignition = JSON.parse(
		renderHost(
			moltbot.id,
			{ ...sampleValues, resolvers: labAddress },
			{ compress: false },
		),
	);
	const added = [...overlay(), ...further];
	const paths = new Set(added.map(({ path }) => path));
	ignition.storage.files = [
		...ignition.storage.files.filter(
			({ path }: { path: string }) => !paths.has(path),
		),
		...added,
	];
	return ignition;
}

async function listen(namespace: string, ends: readonly End[]) {
	const child = spawn(
		"ip",
		[
			...["netns", "exec", namespace, process.execPath, wire, "listen"],
			JSON.stringify(ends),
		],
		{ stdio: ["ignore", "pipe", "inherit"] },
	);
	const arrivals: Arrival[] = [];
	await new Promise<void>((resolve, reject) => {
		createInterface(child.stdout).on("line", (line) => {
			if (line === "ready") resolve();
			else arrivals.push(JSON.parse(line) as Arrival);
		});
		child.on("exit", () => reject(new Error("the listener ended early")));
	});
	return { child, arrivals };
}

async function done(child: ChildProcess): Promise<void> {
	const [code] = await once(child, "close");
	if (code !== 0) throw new Error(`${child.spawnargs.join(" ")}: exit ${code}`);
}

function quote(text: string): string {
	return `'${text.replaceAll("'", `'\\''`)}'`;
}
