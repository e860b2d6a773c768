import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../../tools/cache.mjs";
import { ensureDebianPackages, SetupError, tool } from "../../tools/setup.ts";

const run = promisify(execFile);
const output = { maxBuffer: 64 * 1024 * 1024 };
const layoutScript = join(import.meta.dirname, "layout.sh");
const guestFolder = join(import.meta.dirname, "guest");

/** Debian's moving release: the host and the tools need a systemd and a podman as new as those of Fedora CoreOS. */
const suite = "sid";

/** What the host looks like from inside, before its Ignition document. */
const osPackages = [
	...["systemd", "systemd-sysv", "systemd-resolved", "libpam-systemd"],
	...["libnss-systemd", "dbus", "dbus-user-session", "udev", "kmod", "sudo"],
	...["podman", "crun", "netavark", "aardvark-dns", "passt", "uidmap"],
	...["conmon", "catatonit", "skopeo", "nftables", "iproute2"],
	...["openssh-server", "restic", "rclone", "ca-certificates"],
	...["procps", "curl", "jq", "less", "sqlite3"],
];

/** What the lab runs around the host, because the machine's own may be too old. */
const toolPackages = [
	...["systemd-container", "xfsprogs", "dnsmasq-base", "docker-registry"],
	...["nftables", "iproute2", "util-linux"],
];

/** What it asks of the machine itself. */
const machinePackages = ["iproute2", "nftables", "util-linux"];

/** Of the tools tree: systemd-nspawn wants to know where it runs and gives up over the empty file that Debian leaves. */
const machineId = "6d6f6c74626f746c6162746f6f6c7300";

/** What every lab host is made from; see HostOptions. */
export interface HostArtefacts {
	readonly rootTree: string;
	readonly tools: string;
	readonly ignition: string;
}

/** Why this machine cannot run lab hosts; undefined where it can. */
export function hostMissing(): string | undefined {
	if (process.platform !== "linux") return "needs Linux";
	if (process.arch !== "x64") return "needs an x86-64 machine";
	if (process.getuid?.() !== 0) return "needs root";
	return undefined;
}

/**
 * Brings what lab hosts are made from: built on first use, minutes, then taken from the cache.
 *
 * @throws SetupError with what to install, where the machine lacks something
 */
export async function hostArtefacts(): Promise<HostArtefacts> {
	const [tools, root, ignition] = await Promise.all([
		debianTree("tools", toolPackages),
		rootTree(),
		tool("ignition"),
		ensureDebianPackages(machinePackages, "The lab"),
	]);
	return { tools, rootTree: root, ignition };
}

/** The host's tree: the plain one, laid out like Fedora CoreOS. */
export async function rootTree(): Promise<string> {
	const os = await debianTree("os", osPackages);
	const key = contentKey(
		os,
		...[layoutScript, ...guestFiles()].map((file) => readFileSync(file)),
	);
	const folder = await cached(
		join(cacheFolder(), "lab", `root-${key}`),
		(temporary) =>
			step("laying out the tree of the lab host", async () => {
				await run(layoutScript, [os, join(temporary, "tree")], output);
			}),
	);
	return join(folder, "tree");
}

function guestFiles(): string[] {
	const names = readdirSync(guestFolder).sort();
	return names.map((name) => join(guestFolder, name));
}

/** A tree of Debian packages; `packages.txt` beside it says which versions they are, because the release moves. */
export async function debianTree(
	name: string,
	packages: readonly string[],
	release = suite,
): Promise<string> {
	const argv = [
		"--quiet",
		"--variant=minbase",
		"--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
		'--aptopt=Acquire::Check-Valid-Until "false"',
		'--aptopt=Acquire::Check-Date "false"',
		'--aptopt=APT::Install-Recommends "false"',
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		`--include=${packages.join(",")}`,
		release,
	];
	const key = contentKey(...argv, process.arch, machineId);
	await ensureDebianPackages(
		["mmdebstrap", "debian-archive-keyring"],
		"The lab host",
	);
	const folder = await cached(
		join(cacheFolder(), "lab", `${name}-${key}`),
		(temporary) =>
			step(`building the ${name} tree of the lab host`, async () => {
				const tree = join(temporary, "tree");
				const mirror = await debianMirror();
				await run("mmdebstrap", [...argv, tree, mirror], output).catch(
					(cause: { stderr?: string; message: string }) => {
						const last = (cause.stderr || cause.message).trimEnd().split("\n");
						throw new SetupError(
							"debian",
							`Building the ${name} tree of the lab host failed: ${last.slice(-3).join(" | ")}`,
							{ cause },
						);
					},
				);
				await writeFile(join(tree, "etc/machine-id"), `${machineId}\n`);
				const versions = await run(
					"dpkg-query",
					[`--admindir=${join(tree, "var/lib/dpkg")}`, "--show"],
					output,
				);
				await writeFile(join(temporary, "packages.txt"), versions.stdout);
			}),
	);
	return join(folder, "tree");
}

/** Where this machine gets its own Debian packages. */
export async function debianMirror(): Promise<string> {
	const { stdout } = await run(
		"apt-get",
		["indextargets", "--format", "$(REPO_URI)"],
		output,
	);
	const mirror = stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
	if (mirror === undefined)
		throw new SetupError(
			"debian",
			'The lab host is built from Debian packages, and apt on this machine knows no Debian mirror: add one (a source whose URI ends in "/debian") and run "apt-get update".',
		);
	return mirror;
}
