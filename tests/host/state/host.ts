import { spawn } from "node:child_process";
import {
	appendFileSync,
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { backblaze } from "../../../lab/clouds/backblaze/index.ts";
import {
	NativeClient,
	type TestKey,
} from "../../../lab/clouds/backblaze/testing.ts";
import {
	startTestLab,
	temporaryDirectory,
} from "../../../lab/clouds/testing.ts";
import { rootTree } from "../../../lab/host/artefacts.ts";
import { tool } from "../../../tools/setup.ts";
import { outputOf } from "../../processes.ts";
import type { Slice } from "./disk.ts";

const repository = new URL("../../..", import.meta.url).pathname;
const scratch = new URL("../units/scratch.sh", import.meta.url).pathname;
const bucket = "state-tests";

export { skip } from "../units/scratchHost.ts";

/** How a test wants one of its hosts. */
export interface HostOptions {
	readonly password?: string;
	readonly hostname?: string;
	/** Where its files are; a folder of the test's own, where absent. May be a disk that had the host before. */
	readonly root?: string;
	/** The agent's processes; the host freezes them in earnest. */
	readonly slice?: Slice;
	/** Where the host's own commands run, so that all that they start can be killed, as a service manager does. */
	readonly unit?: Slice;
	readonly key?: TestKey;
	readonly bucket?: string;
}

/** B2 behind a proxy, a bucket, a key that cannot delete, and hosts that use them. */
export async function startState(t: TestContext, settings: object = {}) {
	const lab = await startTestLab(
		t,
		async (world) => [await backblaze(world, {})],
		{ proxyListen: "127.0.0.1:0" },
	);
	const admin = await NativeClient.login(lab);
	const bucketId = await admin.bucket(bucket, settings);
	const key = await admin.key({ bucketIds: [bucketId] });
	const programs = { restic: await tool("restic"), tree: await rootTree() };
	const host = (generation: number, options: HostOptions = {}) =>
		stateHost(t, lab.environment, programs, {
			key,
			bucket,
			password: "correct horse",
			...options,
			generation,
		});
	return { lab, admin, bucketId, bucket, key, host };
}

export type StateHost = Awaited<ReturnType<typeof stateHost>>;

/** Runs a line of shell with the host's own keys at hand: what root on the host can do. */
export const asRoot = (host: StateHost, line: string) =>
	host.run(
		"bash",
		"-c",
		`set -euo pipefail; source /etc/moltbot/host.env; source /etc/moltbot/platform.env
source /usr/local/libexec/moltbot/lib.sh; source /usr/local/libexec/moltbot/store.sh; ${line}`,
	);

/** Scripts of the host, as they are in the repository. */
function install(at: (path: string) => string): void {
	for (const [folder, target] of [
		["host", "usr/local/libexec/moltbot"],
		["moltbot", "usr/local/libexec/moltbot"],
	] as const)
		for (const name of readdirSync(`${repository}quadlets/${folder}`)) {
			const file = `${repository}quadlets/${folder}/${name}`;
			const isScript =
				name.endsWith(".sh") || readFileSync(file).subarray(0, 2).equals(bang);
			if (!isScript || name === "moltbot") continue;
			copyFileSync(file, at(`${target}/${name}`));
		}
}
const bang = Buffer.from("#!");

/** What a host shows of its agent's processes: the slice of a test is mounted there. */
export const cgroup = "/sys/fs/cgroup/user.slice/user-2001.slice";

/** The service manager: it records. */
const systemctl = `#!/bin/bash
echo "systemctl $*" >>/tmp/calls
bash /tmp/hook "systemctl $*"
case "$*" in
	*" stop moltbot-gateway.service") [[ ! -e /tmp/on-stop ]] || bash /tmp/on-stop ;;
	*"restart --no-block moltbot-gateway.service") [[ ! -e /tmp/on-start ]] || bash /tmp/on-start ;;
	*' show '* | show*)
		for unit; do
			[[ $unit == *'*'* || $unit == --* || $unit == show ]] ||
				printf 'Result=success\nId=%s\nActiveState=%s\nSubState=running\nActiveEnterTimestamp=@1790000000\n\n' "$unit" "$(cat /tmp/active-state 2>/dev/null || echo active)"
		done
		;;
esac
`;

/** The container engine: what runs in the image is the host's own program of that name. */
const podman = `#!/bin/bash
echo "podman $*" >>/tmp/calls
bash /tmp/hook "podman $*"
program=restic
case $1 in
	image) [[ ! -e /tmp/no-image ]]; exit ;;
	pull) bash /tmp/on-pull; exit ;;
esac
while (($#)) && [[ $1 != registry.test/* ]]; do
	case $1 in
		--env-file=*) set -a; source "\${1#*=}"; set +a ;;
		--entrypoint=*) program=\${1#*=} ;;
	esac
	shift
done
shift
exec "$program" "$@"
`;

/** Where a test breaks in: the first call that fits /tmp/hook-at waits there until /tmp/go is. */
const hook = `[[ -e /tmp/hook-at && ! -e /tmp/reached && $1 =~ $(</tmp/hook-at) ]] || exit 0
: >/tmp/reached
until [[ -e /tmp/go ]]; do sleep 0.02; done
`;

/**
 * The walks of `copy`: the first programs that go on once the agent is frozen, and the second waits for what the test does with the first.
 * Only where a test breaks in there, since this takes time itself.
 */
const find = `#!/bin/bash
frozen() { grep -qs 'frozen 1' ${cgroup}/cgroup.events; }
break_in() {
	bash /tmp/hook frozen
	[[ ! -e /tmp/while-frozen ]] || bash /tmp/while-frozen
}
if [[ "$*" =~ (/run/moltbot/copy[^/]*)/links\\.([12]) ]]; then
	done=\${BASH_REMATCH[1]}/broken-in list=$(mktemp /tmp/walk.XXXXXXXX)
	cat >"$list"
	if ! frozen; then
		:
	elif ((BASH_REMATCH[2] == 1)); then
		break_in
		: >"$done"
	else
		until [[ -e $done ]]; do sleep 0.01; done
		rm "$done"
	fi
	exec /usr/bin/find "$@" <"$list"
fi
if [[ "$*" == */touched* ]] && frozen; then break_in; fi
exec /usr/bin/find "$@"
`;

const sync = `#!/bin/bash
bash /tmp/hook "sync $*"
exec /usr/bin/sync "$@"
`;

/** SQLite as the backup image has it: that of an older machine knows not every function that the agent's databases use. */
function installSqlite(at: (path: string) => string, tree: string): void {
	const folder = "usr/local/lib/sqlite3";
	mkdirSync(at(folder), { recursive: true });
	const libraries = "usr/lib/x86_64-linux-gnu";
	const loader = "ld-linux-x86-64.so.2";
	copyFileSync(join(tree, "usr/bin/sqlite3"), at(`${folder}/sqlite3`));
	for (const name of [loader, ...sqliteLibraries])
		copyFileSync(join(tree, libraries, name), at(`${folder}/${name}`));
	writeFileSync(
		at("usr/local/bin/sqlite3"),
		`#!/bin/sh\nexec /${folder}/${loader} --library-path /${folder} /${folder}/sqlite3 "$@"\n`,
		{ mode: 0o755 },
	);
}
const sqliteLibraries = [
	"c.so.6",
	"m.so.6",
	"readline.so.8",
	"tinfo.so.6",
	"z.so.1",
].map((name) => `lib${name}`);

/** A host whose containers are the restic and the sqlite3 of the backup image's release; curl is the machine's. */
async function stateHost(
	t: TestContext,
	environment: Record<string, string>,
	programs: { readonly restic: string; readonly tree: string },
	options: Required<Pick<HostOptions, "bucket" | "key" | "password">> &
		HostOptions & { generation: number },
) {
	const { bucket, generation, password, key, slice, unit } = options;
	const root = options.root ?? temporaryDirectory(t);
	const at = (path: string) => join(root, path);
	const certificate = environment.SSL_CERT_FILE;
	if (!certificate) throw new Error("the lab names no certificate");
	const start = (...command: string[]) =>
		spawn(
			"unshare",
			[
				...["-m", "--propagation", "private", "bash", "-c"],
				// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell expands it.
				'if [[ -n $2 ]]; then echo $$ >"$2/cgroup.procs"; fi; if [[ -n $1 ]]; then mkdir -p "$3$CGROUP"; mount --bind "$1" "$3$CGROUP"; fi; if [[ -e $3/tmp/boot-id ]]; then mount --bind "$3/tmp/boot-id" /proc/sys/kernel/random/boot_id; fi; exec "${@:4}"',
				...["bash", slice?.folder ?? "", unit?.folder ?? "", root],
				...[scratch, root, "env"],
				`HTTPS_PROXY=${environment.HTTPS_PROXY}`,
				"SSL_CERT_FILE=/tmp/ca.pem",
				"CURL_CA_BUNDLE=/tmp/ca.pem",
				...command,
			],
			{
				stdio: ["ignore", "pipe", "pipe"],
				detached: true,
				env: { ...process.env, CGROUP: cgroup },
			},
		);
	const run = (...command: string[]) => outputOf(start(...command));
	if (!existsSync(at("etc/moltbot/host.env"))) await run("true");
	rmSync(at("usr/local/bin/curl"), { force: true });
	install(at);
	copyFileSync(certificate, at("tmp/ca.pem"));
	copyFileSync(programs.restic, at("usr/local/bin/restic"));
	installSqlite(at, programs.tree);
	writeFileSync(at("usr/local/bin/podman"), podman);
	writeFileSync(at("usr/local/bin/systemctl"), systemctl);
	writeFileSync(at("usr/local/bin/sync"), sync);
	writeFileSync(at("tmp/hook"), hook);
	writeFileSync(at("tmp/on-pull"), "exec rm /tmp/no-image\n");
	for (const name of ["restic", "podman", "systemctl", "sync"])
		chmodSync(at(`usr/local/bin/${name}`), 0o755);
	writeFileSync(
		at("etc/moltbot/host.env"),
		`MOLTBOT_GENERATION=${generation}
MOLTBOT_HOSTNAME=${options.hostname ?? "moltbot"}
MOLTBOT_BUCKET=${bucket}
MOLTBOT_BUCKET_PREFIX=restic
MOLTBOT_S3_ENDPOINT=https://s3.us-west-004.backblazeb2.com
MOLTBOT_S3_REGION=us-west-004
`,
	);
	writeFileSync(
		at("etc/moltbot/backup-image"),
		`registry.test/restic@sha256:${"1".repeat(64)}\n`,
	);
	mkdirSync(at("etc/moltbot/host-secrets"), { recursive: true });
	const secrets = {
		"backup-password": password,
		"backup-key-id": key.id,
		"backup-key": key.secret,
	};
	for (const [name, value] of Object.entries(secrets))
		writeFileSync(at(`etc/moltbot/host-secrets/${name}`), value);
	return {
		at,
		/** Starts a command in the host; its process leads a group of its own. */
		start,
		run,
		secrets,
		text: (path: string) => readFileSync(at(path), "utf8"),
		/** Runs a script of the test's each time the agent has just been frozen; without one, /tmp/hook-at may say `frozen`. */
		whileFrozen: (script?: string) => {
			writeFileSync(at("usr/local/bin/find"), find, { mode: 0o755 });
			if (script !== undefined) writeFileSync(at("tmp/while-frozen"), script);
		},
		append: (path: string, text: string) => appendFileSync(at(path), text),
		script: (name: string, ...args: string[]) =>
			run(`/usr/local/libexec/moltbot/${name}`, ...args),
	};
}
