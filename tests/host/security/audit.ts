// What auditing tools say of the host, and what of it is accepted: each finding is mended in the product or has its reason here.
import type { LabHost } from "../../../lab/host/host.ts";

/** One thing that a tool would have otherwise. */
export interface Finding {
	/** The tool's own name for it; of a kernel setting with the setting. */
	readonly id: string;
	readonly text: string;
}

/** Tests of lynis that say something of this product; the others look at packages, printers, mail, databases. */
const groups = [
	...["authentication", "boot_services", "containers", "file_permissions"],
	...["filesystems", "firewalls", "hardening", "homedirs", "insecure_services"],
	...["kernel", "kernel_hardening", "logging", "memory_processes"],
	...["nameservices", "networking", "shells", "storage", "time"],
];

const base =
	"a matter of the operating system's image, which is signed and not ours; the look-alike is Debian";
const noPasswords =
	"nobody has a password: root and core are locked, SSH is Tailscale's alone, whose identities are the tailnet's";
const signed =
	"/usr is read-only and its image signed and named by digest; what may change is the agent's and its backup's";
const modules =
	"such a device needs somebody at the machine, or root to load the module";

/** Findings of lynis that stay. */
export const accepted: Readonly<Record<string, string>> = {
	LYNIS: "the tool is the release that Debian has",
	"AUTH-9230": noPasswords,
	"AUTH-9262": noPasswords,
	"AUTH-9284": noPasswords,
	"AUTH-9286": noPasswords,
	"AUTH-9328":
		"the units set a umask where it matters, and what is secret lies in folders of mode 0700",
	"BOOT-5264":
		"the units of this product are judged one by one, see `mostExposed`",
	"FILE-6310": `/home is a link into /var: ${base}`,
	"FILE-7524": `sshd_config and cron.daily: ${base}; sshd is masked, no cron runs`,
	"STRG-1846": modules,
	"NAME-4028": "the host's name in DNS is given by the tailnet",
	"NETW-3200": modules,
	"LOGG-2154":
		"the journal stays on the host: it holds conversations, and a receiver would be one more party; failures are told by `notify`",
	"HRDN-7230": signed,
	"kernel.core_uses_pid": "cores go to systemd-coredump, which names them",
	"kernel.ctrl-alt-del": "asks for a keyboard at Vultr's console",
	"net.ipv4.conf.all.log_martians":
		"packets of strangers would fill the journal",
	"net.ipv4.conf.default.log_martians":
		"packets of strangers would fill the journal",
	"net.ipv4.conf.all.rp_filter":
		"Tailscale needs the loose mode, which is Fedora's default",
};

/** Findings in the recipes of the images that stay. */
export const acceptedOfImages: Readonly<Record<string, string>> = {
	LYNIS: "the tool is the release that Debian has",
	"No maintainer found. Unclear who created this file.":
		"the instruction is deprecated; the repository and its history say who",
	"No ENTRYPOINT defined in Dockerfile.":
		"what runs in a sandbox is OpenClaw's to say",
	"No user declared in Dockerfile. Container will execute command as root":
		"the backup image: it reads and writes files of every owner for root's own scripts, which name its mounts",
	"No CMD defines in Dockerfile.":
		"the backup image: the scripts say what runs in it",
	"Possible development utilities found, which is not advised for production environment":
		"the sandbox is where the agent develops",
	"Don't use OpenSSH in container, use 'docker exec' instead":
		"the client alone, for git",
};

/** How far each unit is open by systemd's own judgement (10: a plain service of root), and why not less. */
export const mostExposed: Readonly<Record<string, readonly [number, string]>> =
	{
		"guard.service": [2.5, "root, to set the packet filter"],
		"egress.service": [
			2.5,
			"root, to set the packet filter; asks the resolver",
		],
		"backup.service": [9.6, "freezes the agent, starts the engine and restic"],
		"shutdown-backup.service": [9.6, "as backup.service"],
		"drill.service": [9.6, "as restore.service, beside the agent"],
		"join.service": [9.6, "tells tailscaled who it is; ends with the join"],
		"notify@test.service": [9.6, "a shell and curl"],
		"failed@test.service": [9.6, "a shell and curl, before the join"],
		"rebase.service": [9.6, "replaces the operating system; first boot only"],
		"restore.service": [9.6, "writes the agent's state under its owners"],
		"image-store.service": [
			9.6,
			"removes files of the agent's engine, at a boot",
		],
		"room.service": [9.6, "acts with the agent's uid by its engine"],
		"trust.service": [9.6, "writes the trust store of the system"],
		"watch.service": [9.6, "stops the agent of an outdated host"],
	};

/** Runs lynis on the host, out of `archive` there. */
export async function lynis(
	host: LabHost,
	archive: string,
	tests: readonly string[] = [],
): Promise<Finding[]> {
	const which =
		tests.length > 0
			? `--tests ${tests.join(",")}`
			: `--tests-from-group "${groups.join(" ")}"`;
	return report(host, archive, `${which} --quiet audit system`);
}

/** Runs lynis over the recipe of an image. */
export async function lynisOfImage(
	host: LabHost,
	archive: string,
	containerfile: string,
): Promise<Finding[]> {
	const encoded = Buffer.from(containerfile).toString("base64");
	await host.exec([
		"/bin/sh",
		"-c",
		`echo ${encoded} | base64 --decode >/run/Containerfile`,
	]);
	const findings = await report(
		host,
		archive,
		"audit dockerfile /run/Containerfile",
	);
	// All of these have one name.
	return findings.map(({ id, text }) => ({
		id: id === "dockerfile" ? text : id,
		text,
	}));
}

async function report(
	host: LabHost,
	archive: string,
	what: string,
): Promise<Finding[]> {
	const { stdout } = await host.exec([
		"/bin/bash",
		"-euc",
		`rm -rf /run/lynis; mkdir -p /run/lynis/none; tar -C /run/lynis -xzf ${archive}; cd /run/lynis/usr/share/lynis
		cp ../../../etc/lynis/default.prf .
		sh ../../sbin/lynis --quick --no-colors --plugindir /run/lynis/none --logfile /run/lynis/log --report-file /run/lynis/report ${what} >/dev/null 2>&1 </dev/null
		cat /run/lynis/report`,
	]);
	return findingsOf(stdout);
}

/** Reads a report of lynis. */
export function findingsOf(report: string): Finding[] {
	const findings: Finding[] = [];
	for (const line of report.split("\n")) {
		const [, id = "", text = ""] =
			/^(?:warning|suggestion)\[\]=([^|]+)\|([^|]*)/.exec(line) ?? [];
		// What it says of the kernel is in the details, a line a setting.
		if (id !== "" && id !== "KRNL-6000") findings.push({ id, text });
		const [, field = "", wanted = "", value = ""] =
			/^details\[\]=KRNL-6000\|.*;field:([^;]+);prefval:([^;]+);value:([^;]+);/.exec(
				line,
			) ?? [];
		if (field !== "")
			findings.push({ id: field, text: `${value}, wanted ${wanted}` });
	}
	return findings;
}

/** What of the findings the product's kernel settings mend: the fast lab host shares the machine's kernel and loads none. */
export function mendedBy(sysctl: string): (finding: Finding) => boolean {
	const set = new Map(
		sysctl
			.split("\n")
			.filter((line) => /^[a-z]/.test(line))
			.map((line) => line.split(" = ") as [string, string]),
	);
	return ({ id, text }) =>
		set.has(id) && text.endsWith(`wanted ${set.get(id)}`);
}
