// Every unit of the host, judged by systemd itself: its own release in the tree of the lab host, because the machine's may
// be too old for what Fedora's knows, with every file of the document at its place, so that a program that a unit starts
// must be there and executable.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { hostArtefacts, hostMissing } from "../../../lab/host/artefacts.ts";
import { contentOf, documents, readIgnition, write } from "../document.ts";

const { files, links } = readIgnition(documents.plain).storage;
const systemUnits = files
	.map(({ path }) => path)
	.filter((path) => /^\/etc\/systemd\/system\/[^/]+$/.test(path));
const missing = hostMissing();
const options = { skip: missing ?? false };

/**
 * What uCore brings and Debian does not, without which our units cannot be loaded. Only names and kinds count here: no
 * unit is started.
 */
const broughtByTheOs = {
	"usr/lib/systemd/system/tailscaled.service":
		"[Service]\nType=notify\nExecStart=/bin/true\n",
};

/** The files of the document over the tree of the lab host, and a way to run a program in there. */
async function hostTree(t: TestContext) {
	const { rootTree } = await hostArtefacts();
	const folder = mkdtempSync(join(tmpdir(), "moltbot-verify-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const overlay = join(folder, "files");
	for (const [path, text] of Object.entries(broughtByTheOs))
		write(overlay, path, text);
	// The names below /usr/local lead into /var on an ostree system.
	const place = (path: string) =>
		path.replace(/^\/usr\/local\//, "/var/usrlocal/");
	for (const file of files)
		write(overlay, place(file.path), contentOf(file), file.mode);
	for (const { path, target } of links) {
		mkdirSync(dirname(join(overlay, path)), { recursive: true });
		symlinkSync(target, join(overlay, path));
	}
	const mounted = join(folder, "root");
	mkdirSync(mounted);
	const run = (...command: string[]) =>
		spawnSync(
			"unshare",
			[
				...["--mount", "--pid", "--fork", "--propagation", "private"],
				...["sh", "-euc"],
				// A read-only overlay: nothing that runs here leaves a trace, and the mounts end with their namespace.
				`mount -t overlay overlay -o "lowerdir=$1:$2" "$3"
				mount -t proc proc "$3/proc"
				for folder in run tmp; do mount -t tmpfs tmpfs "$3/$folder"; done
				mount --bind /dev "$3/dev"
				root=$3
				shift 3
				exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_COLOR=no XDG_RUNTIME_DIR=/run/user/2001 HOME=/var/home/moltbot "$@"`,
				"sh",
				...[overlay, rootTree, mounted],
				...command,
			],
			{ encoding: "utf8", timeout: 120_000 },
		);
	return { run, overlay };
}

test("systemd-analyze verify accepts every system unit", options, async (t) => {
	assert.ok(systemUnits.length >= 8);
	const { run } = await hostTree(t);
	const instances = systemUnits.map((path) => path.replace("@.", "@join."));
	const { status, stdout, stderr } = run(
		...["systemd-analyze", "verify", "--man=no", "--generators=no"],
		...instances,
	);
	assert.deepEqual(complaints(stdout + stderr), []);
	assert.equal(status, 0, stdout + stderr);
});

test(
	"systemd-analyze verify accepts what Quadlet makes for the agent's user",
	options,
	async (t) => {
		const { run } = await hostTree(t);
		// The generator as the user's service manager calls it, then the units that it made.
		const { status, stdout, stderr } = run(
			...["bash", "-euc"],
			`export QUADLET_UNIT_DIRS=/etc/containers/systemd/users/2001
		mkdir -p /run/units "$XDG_RUNTIME_DIR"
		/usr/lib/systemd/user-generators/podman-user-generator --user /run/units /run/units /run/units
		ls /run/units/*.service >&1
		systemd-analyze --user verify --man=no --generators=no /run/units/*.service`,
		);
		assert.deepEqual(complaints(stderr), []);
		assert.equal(status, 0, stdout + stderr);
		const made = stdout
			.trim()
			.split("\n")
			.map((path) => basename(path));
		assert.ok(made.includes("moltbot-gateway.service"), stdout);
	},
);

test("a wrong key and a missing program are seen", options, async (t) => {
	const { run, overlay } = await hostTree(t);
	write(
		overlay,
		"etc/systemd/system/wrong.service",
		"[Service]\nExecStart=/usr/local/libexec/moltbot/nowhere\nRestrtSec=1\n",
	);
	const { status, stdout, stderr } = run(
		...["systemd-analyze", "verify", "--man=no"],
		"/etc/systemd/system/wrong.service",
	);
	const said = complaints(stdout + stderr).join("\n");
	assert.match(said, /RestrtSec/);
	assert.match(said, /nowhere/);
	assert.notEqual(status, 0);
});

/** What was said about units of ours; the lab's tree has its own. */
function complaints(output: string): string[] {
	return output.split("\n").filter((line) => line.trim() !== "");
}
