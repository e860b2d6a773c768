import { existsSync } from "node:fs";
import { link } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { cached, cacheFolder, contentKey } from "./cache.mjs";
import { clientFolder } from "./clients/build.ts";
import { type DebianFile, debianFile, debianPackage } from "./debian.ts";
import { SetupError } from "./errors.ts";
import { type GoBundle, goBundle, goBundleFolder } from "./golang.ts";
import { officialPulumi, pulumiOnPath } from "./pulumiCli.ts";
import { pythonFolder, zizmorFolder } from "./python/build.ts";

export { ensureDebianPackages } from "./debian.ts";
export { SetupError } from "./errors.ts";

const toolsFolder = import.meta.dirname;

/** Version of the engine: that of @pulumi/pulumi in package.json. */
export const pulumiVersion = "3.259.0";

const stamp = (symbol: string, version: string) => `-X ${symbol}=${version}`;

/** What is built from Go modules that tools/ pins. */
const go = {
	pulumi: {
		module: "pulumi",
		version: pulumiVersion,
		binaries: { pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi" },
		tags: "osusergo,grpcnotrace",
		ldflags: stamp(
			"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
			`v${pulumiVersion}`,
		),
	},
	// The last version inside a module with tags of its own; see docs/decisions.md.
	"pulumi-language-nodejs": {
		module: "pulumi-language-nodejs",
		version: "3.68.0",
		binaries: {
			"pulumi-language-nodejs":
				"github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
		},
		ldflags: stamp(
			"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
			"v3.68.0",
		),
	},
	butane: {
		module: "butane",
		version: "0.29.0",
		binaries: { butane: "github.com/coreos/butane/internal" },
	},
	ignition: {
		module: "ignition",
		version: "2.26.0",
		binaries: {
			ignition: "github.com/coreos/ignition/v2/internal",
			"ignition-validate": "github.com/coreos/ignition/v2/validate",
		},
		ldflags: [
			stamp("github.com/coreos/ignition/v2/internal/version.Raw", "2.26.0"),
			stamp(
				"github.com/coreos/ignition/v2/internal/distro.selinuxRelabel",
				"false",
			),
		].join(" "),
		cgoPackages: ["gcc", "libc6-dev", "libblkid-dev"],
	},
	headscale: {
		module: "headscale",
		version: "0.29.3",
		binaries: { headscale: "github.com/juanfont/headscale/cmd/headscale" },
	},
	tailscale: {
		module: "tailscale",
		version: "1.102.5",
		binaries: {
			tailscale: "tailscale.com/cmd/tailscale",
			tailscaled: "tailscale.com/cmd/tailscaled",
		},
		ldflags: [
			stamp("tailscale.com/version.longStamp", "1.102.5"),
			stamp("tailscale.com/version.shortStamp", "1.102.5"),
		].join(" "),
	},
	"podman-remote": {
		module: "podman",
		version: "5.8.4",
		binaries: {
			"podman-remote": "github.com/containers/podman/v5/cmd/podman",
		},
		tags: "remote,containers_image_openpgp,exclude_graphdriver_btrfs",
	},
} satisfies Record<string, GoBundle>;

/** What is taken out of Debian packages. Releases that still move are named where a newer version is needed. */
const debian = {
	quadlet: {
		package: "podman",
		suite: "sid",
		path: "usr/libexec/podman/quadlet",
		name: "quadlet",
	},
	shellcheck: {
		package: "shellcheck",
		suite: "bookworm",
		path: "usr/bin/shellcheck",
		name: "shellcheck",
		libraries: ["libgmp10", "libffi8"],
	},
	restic: {
		package: "restic",
		suite: "trixie",
		path: "usr/bin/restic",
		name: "restic",
	},
	rclone: {
		package: "rclone",
		suite: "bookworm",
		path: "usr/bin/rclone",
		name: "rclone",
	},
	skopeo: {
		package: "skopeo",
		suite: "bookworm",
		path: "usr/bin/skopeo",
		name: "skopeo",
		libraries: [
			...["libgpgme11", "libassuan0", "libgpg-error0", "libdevmapper1.02.1"],
			...["libselinux1", "libudev1", "libpcre2-8-0"],
		],
	},
} satisfies Record<string, DebianFile>;

/** An auditing tool for hosts, shell scripts only; it runs on the host that it audits. */
const lynis = {
	package: "lynis",
	suite: "bookworm",
	sha256: "9df0cedc27c4dd32478ad901103a0ac87efd9eedfd6ce313a70a650ae6883bb9",
};

/** How each tool comes here. */
const table = {
	node: async () => dirname(process.execPath),
	pulumi: engine,
	// The one that came with the engine: the two belong together.
	"pulumi-language-nodejs": engine,
	butane: () => goBundle(go.butane, toolsFolder),
	ignition: () => goBundle(go.ignition, toolsFolder),
	"ignition-validate": () => goBundle(go.ignition, toolsFolder),
	headscale: () => goBundle(go.headscale, toolsFolder),
	tailscale: () => goBundle(go.tailscale, toolsFolder),
	tailscaled: () => goBundle(go.tailscale, toolsFolder),
	"podman-remote": () => goBundle(go["podman-remote"], toolsFolder),
	quadlet: () => debianFile(debian.quadlet),
	shellcheck: () => debianFile(debian.shellcheck),
	restic: () => debianFile(debian.restic),
	rclone: () => debianFile(debian.rclone),
	skopeo: () => debianFile(debian.skopeo),
	"client-govultr": () => clientFolder("govultr"),
	"client-tailscale": () => clientFolder("tailscale"),
	"client-connect": () => clientFolder("connect"),
	"python-b2": () => pythonFolder("python-b2"),
	zizmor: zizmorFolder,
	lynis: async () => join(await debianPackage(lynis), "usr/sbin"),
} satisfies Record<string, () => Promise<string>>;

/** Name of a tool that the set-up brings. */
export type ToolName = keyof typeof table;

/**
 * Absolute path of a tool's binary; built or fetched on first use, with a line of progress on stderr.
 *
 * @throws SetupError with what to install, where the machine lacks something
 */
export async function tool(name: ToolName): Promise<string> {
	if (!Object.hasOwn(table, name))
		throw new SetupError(
			"unknown-tool",
			`There is no tool "${name}"; tools/setup.ts has ${Object.keys(table).join(", ")}.`,
		);
	return join(await table[name](), name);
}

/** A PATH that begins with the folders of these tools. */
export async function toolsOnPath(names: readonly ToolName[]): Promise<string> {
	const folders = new Set<string>();
	for (const name of names) folders.add(dirname(await tool(name)));
	return [...folders, process.env.PATH ?? ""].join(delimiter);
}

/** A fitting `pulumi` on PATH; else the official download; else a build from tools/, which is used once it is there. */
async function engine(): Promise<string> {
	const built = ["pulumi", "pulumi-language-nodejs"] as const;
	const folders = built.map((name) => goBundleFolder(go[name], toolsFolder));
	const haveBuilt = folders.every((folder) => existsSync(folder));
	return (
		(await pulumiOnPath(pulumiVersion)) ??
		(haveBuilt ? undefined : await officialPulumi(pulumiVersion)) ??
		(await buildEngine())
	);
}

/** Engine and language host in one folder: the engine warns of a host that it does not find beside itself. */
async function buildEngine(): Promise<string> {
	const parts = {
		pulumi: await goBundle(go.pulumi, toolsFolder),
		"pulumi-language-nodejs": await goBundle(
			go["pulumi-language-nodejs"],
			toolsFolder,
		),
	};
	const key = contentKey(...Object.values(parts));
	return cached(
		join(cacheFolder(), "tools", `engine-${key}`),
		async (folder) => {
			// Hard links: through a symbolic link the engine would see the folder of the original.
			for (const [name, from] of Object.entries(parts))
				await link(join(from, name), join(folder, name));
		},
	);
}
