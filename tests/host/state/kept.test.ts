// The copy that stays between two backups: it saves reading, and it is the truth after whatever happened meanwhile.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
	appendFileSync,
	existsSync,
	readFileSync,
	renameSync,
	rmSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ok, state } from "./asserts.ts";
import { diskMissing, machine } from "./disk.ts";
import { asRoot, cgroup, type StateHost, skip, startState } from "./host.ts";
import { describeTree, difference } from "./tree.ts";

const options = { skip: skip || diskMissing() || false, timeout: 600_000 };
const workspace = "var/lib/moltbot/workspace";
const tree = "var/lib/moltbot/backup/tree";
const copy = ["/usr/local/libexec/moltbot/copy", `/${tree}`];
const seed = Number(process.env.MOLTBOT_TEST_SEED ?? 1);
const kinds = ["xfs", "ext4"] as const;

/** Runs a line of Python in the agent's folders. */
function python(host: StateHost, program: string, ...args: string[]): void {
	const { status, stderr } = spawnSync(
		"/usr/bin/python3",
		["-c", program, ...args],
		{ cwd: host.at("var/lib/moltbot"), encoding: "utf8" },
	);
	assert.equal(status, 0, stderr);
}

/** In what the copy differs from the agent's folders. */
const wrong = (host: StateHost) =>
	["state", "workspace", "projects", "home"].flatMap((folder) =>
		difference(
			describeTree(host.at(`${tree}/${folder}`)),
			describeTree(host.at(`var/lib/moltbot/${folder}`)),
		),
	);

/** What changed less than this before a backup, the next one copies once more. */
const settle = () => sleep(500);

/** What restic did for a snapshot, in its own words. */
async function summaryOf(host: StateHost, id: string) {
	const list = JSON.parse(
		ok(await asRoot(host, "restic snapshots --json --no-lock")),
	) as { id: string; summary: Record<string, number> }[];
	return list.find((one) => one.id === id)?.summary ?? assert.fail(id);
}

async function backup(host: StateHost) {
	const { snapshot } = JSON.parse(ok(await host.script("backup")));
	return summaryOf(host, snapshot);
}

for (const kind of kinds)
	test(
		`what did not change is not read again, and what did is saved (${kind})`,
		options,
		async (t) => {
			const { host } = await startState(t);
			const h = await host(3, { root: machine(t, kind).disk.folder });
			ok(await h.script("restore"));
			python(
				h,
				`import os
for d in range(5):
    os.makedirs(f"workspace/{d}/in")
    for i in range(10): open(f"workspace/{d}/in/{i}", "wb").write(os.urandom(100_000))
with open("workspace/hole", "wb") as f: f.truncate(1 << 24); f.write(b"x")`,
			);
			await settle();
			const first = await backup(h);
			assert.equal(
				first.files_new,
				52,
				"50, the manifest, the archive of holes",
			);
			// Same size, same time as before: only what nobody can set back tells.
			python(
				h,
				`import os
file = "workspace/2/in/7"
was = os.stat(file)
content = open(file, "rb").read()
open(file, "wb").write(content[::-1])
os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))`,
			);
			await settle();
			const second = await backup(h);
			assert.equal(second.files_unmodified, 49);
			assert.equal(second.files_changed, 3, "the file, manifest and archive");
			assert.ok((second.data_added ?? 1e9) < 300_000, `${second.data_added}`);
			const third = await backup(h);
			assert.equal(third.files_unmodified, 50);

			const next = await host(4, { root: machine(t, kind).disk.folder });
			ok(await next.script("restore"));
			assert.deepEqual(
				difference(
					describeTree(next.at(workspace)),
					describeTree(h.at(workspace)),
				),
				[],
			);
		},
	);

/** Has two files mapped, dirty from the start, and puts the letter of /tmp/now into them, which leaves no new time on a dirty page. */
const mapper = `import mmap, os, sys, time
maps = []
for name in ("state/mapped.sqlite", "workspace/mapped"):
    f = open(name, "w+b"); f.write(b"a" * 8192); f.flush(); os.fsync(f.fileno())
    m = mmap.mmap(f.fileno(), 8192); m[0] = ord("b"); maps.append(m)
now, done = sys.argv[1] + "/now", sys.argv[1] + "/mapped"
open(done, "w")
while True:
    if os.path.exists(now) and not os.path.exists(done):
        letter = open(now, "rb").read()[0]
        for m in maps: m[0] = letter
        open(done, "w")
    time.sleep(0.02)`;

/** Starts that program in a host; `map` has it write, `copied` makes a copy and says what that holds of each file. */
async function mapping(t: TestContext, kind: (typeof kinds)[number]) {
	const { host } = await startState(t);
	const { disk, slice } = machine(t, kind);
	const h = await host(3, { root: disk.folder });
	slice.spawn("/usr/bin/env", [
		...["--chdir", h.at("var/lib/moltbot")],
		...["/usr/bin/python3", "-c", mapper, h.at("tmp")],
	]);
	const mapped = async () => {
		while (!existsSync(h.at("tmp/mapped"))) await sleep(20);
	};
	await mapped();
	ok(await h.run("mkdir", "-p", "/var/lib/moltbot/backup"));
	const map = async (letter: string) => {
		writeFileSync(h.at("tmp/next"), letter);
		renameSync(h.at("tmp/next"), h.at("tmp/now"));
		rmSync(h.at("tmp/mapped"));
		await mapped();
	};
	const copied = async () => {
		ok(await h.run(...copy));
		const [database, other] = ["state/mapped.sqlite", "workspace/mapped"].map(
			(name) => h.text(`${tree}/${name}`)[0],
		);
		return { database, other };
	};
	return { h, map, copied };
}

for (const kind of kinds)
	test(
		`what is written through a mapping is in the next copy (${kind})`,
		options,
		async (t) => {
			const { map, copied } = await mapping(t, kind);
			await copied();
			await map("c");
			assert.deepEqual(await copied(), { database: "c", other: "c" });
		},
	);

test(
	"a database is copied anew, whatever its time says",
	options,
	async (t) => {
		// Where nothing is synced, and nothing reflinked, a page stays dirty and its file as old as it was.
		const { h, map, copied } = await mapping(t, "ext4");
		writeFileSync(h.at("usr/local/bin/sync"), "#!/bin/sh\n");
		await copied();
		let missed = 0;
		for (const letter of "cdefg") {
			await settle();
			await map(letter);
			const { database, other } = await copied();
			assert.equal(database, letter);
			// The kernel may write a page at any moment, and then the time of the file tells.
			if (other !== letter) missed++;
		}
		assert.ok(missed > 0, "the time told of each change");
	},
);

/** Random changes; most files have one size and one time, so that neither tells one from another. */
const mutate = `import os, random, shutil, sys
r = random.Random(int(sys.argv[1]))
def folder(): return r.choice(["state", "workspace"]) + "/" + "/".join(f"d{r.randrange(3)}" for _ in range(r.randrange(1, 4)))
def name(): return folder() + f"/f{r.randrange(4)}"
def anything(): return r.choice([name, folder])()
def remove(path): shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
def write(path):
    with open(path, "r+b" if r.randrange(2) and os.path.exists(path) else "wb") as f: f.write(r.randbytes(r.choice([8, 8, 8, 5000])))
    if r.randrange(4): os.utime(path, (1e9, 1e9))
def swap(a, b):
    os.rename(a, "workspace/between"); os.rename(b, a); os.rename("workspace/between", b)
def become(path):
    was = os.path.isdir(path); remove(path)
    if was: write(path)
    else: os.mkdir(path); write(path + "/f0")
def attribute(path):
    if os.listxattr(path): os.removexattr(path, "user.moltbot")
    else: os.setxattr(path, "user.moltbot", r.randbytes(3))
def hole(path):
    with open(path, "wb") as f: f.truncate(1 << 20); f.write(b"x")
acts = [lambda: os.makedirs(folder(), exist_ok=True)] * 3 + [lambda: write(name())] * 6 + [
    lambda: os.rename(anything(), anything()), lambda: swap(folder(), folder()), lambda: swap(name(), name()), lambda: remove(anything()),
    lambda: become(anything()), lambda: os.link(name(), name()), lambda: os.symlink(name(), name()), lambda: attribute(anything()),
    lambda: os.chmod(anything(), r.choice([0o700, 0o755, 0o640])), lambda: os.chown(anything(), r.randrange(3), 2001), lambda: hole(name()),
    lambda: os.utime(folder(), (1e9, 1e9)), lambda: write(folder() + "/base.sqlite"), lambda: os.makedirs(folder() + "/node_modules/x"), lambda: os.mkfifo(folder() + "/pipe")]
for _ in range(int(sys.argv[2])):
    try: r.choice(acts)()
    except OSError: pass
    if os.path.lexists("workspace/between"): os.rename("workspace/between", f"workspace/kept{r.randrange(10**9)}")`;

for (const kind of kinds)
	test(
		`after random changes the copy that stayed is the state (${kind})`,
		options,
		async (t) => {
			t.diagnostic(`seed ${seed}`);
			const { host } = await startState(t);
			const h = await host(3, { root: machine(t, kind).disk.folder });
			ok(await h.script("restore"));
			python(h, mutate, String(seed), "600");
			ok(await h.script("backup"));
			const rounds = process.env.MOLTBOT_TEST_DEEP ? 100 : 12;
			for (let round = 1; round <= rounds; round++) {
				python(h, mutate, String(seed * 1000 + round), `${(round % 4) * 40}`);
				ok(await h.run(...copy));
				assert.deepEqual(wrong(h), [], `round ${round}`);
				assert.ok(existsSync(h.at(`${tree}.mark`)));
			}
			ok(await h.script("backup"));
			python(h, mutate, String(seed + 77), "60");
			ok(await h.script("backup"));
			const next = await host(4, { root: machine(t, kind).disk.folder });
			ok(await next.script("restore"));
			for (const folder of ["state", "workspace"])
				assert.deepEqual(
					difference(
						describeTree(next.at(`var/lib/moltbot/${folder}`)),
						describeTree(h.at(`var/lib/moltbot/${folder}`)),
					).filter((line) => !line.includes("(b'.'")),
					[],
				);
		},
	);

test(
	"folders that took each other's place, and attributes that are gone",
	options,
	async (t) => {
		const { host } = await startState(t);
		const h = await host(3, { root: machine(t).disk.folder });
		python(
			h,
			`import os
os.mkdir("backup")
for d in "ab":
    os.makedirs(f"workspace/{d}/deep")
    for f in ("f", "deep/f"):
        open(f"workspace/{d}/{f}", "w").write(d); os.utime(f"workspace/{d}/{f}", (1e9, 1e9))
    os.utime(f"workspace/{d}/deep", (1e9, 1e9))
os.setxattr("workspace/a/deep", "user.moltbot", b"1"); os.setxattr("workspace/a/f", "user.moltbot", b"1")`,
		);
		ok(await h.run(...copy));
		python(
			h,
			`import os
os.rename("workspace/a", "workspace/c"); os.rename("workspace/b", "workspace/a"); os.rename("workspace/c", "workspace/b")
os.removexattr("workspace/b/deep", "user.moltbot"); os.removexattr("workspace/b/f", "user.moltbot")`,
		);
		ok(await h.run(...copy));
		assert.deepEqual(wrong(h), []);
		assert.equal(h.text(`${tree}/workspace/a/deep/f`), "b");
	},
);

test(
	"where nothing can be said about the time since, the copy is made anew",
	options,
	async (t) => {
		const { host } = await startState(t);
		const { disk, unit, slice } = machine(t);
		const h = await host(3, { root: disk.folder, slice, unit });
		ok(await h.script("restore"));
		const said = h.at(`${tree}/state/said`);
		writeFileSync(h.at(`${state}/said`), "truth");
		utimesSync(h.at(`${state}/said`), 1e9, 1e9);
		await settle();
		ok(await h.script("backup"));
		/** Puts something wrong into the copy; whoever relies on the mark leaves it there. Says whether it was made anew. */
		const isAnew = async (...command: string[]) => {
			writeFileSync(said, "wrong");
			utimesSync(said, 1e9, 1e9);
			ok(await h.run(...command));
			const text = readFileSync(said, "utf8");
			assert.match(text, /^(truth|wrong)$/);
			return text === "truth";
		};
		assert.equal(await isAnew(...copy), false, "the control does not work");
		disk.boot();
		assert.equal(await isAnew(...copy), true, "another boot");
		assert.equal(await isAnew(...copy), false);
		// As seen from within, the clock is behind by an hour; and then no more.
		const late = ["unshare", "--time", "--boottime", "3600", "--fork"];
		assert.equal(await isAnew(...late, ...copy), true, "a clock set back");
		assert.equal(await isAnew(...copy), true, "a clock set forward");
		assert.equal(await isAnew(...copy), false);
		ok(await h.run("rm", `/${tree}.seen`));
		assert.equal(await isAnew(...copy), true, "nothing known of what was seen");
		h.append("etc/moltbot/platform.env", "MOLTBOT_STATE_EXCLUDE='target'\n");
		assert.equal(await isAnew(...copy), true, "another choice");
		assert.equal(await isAnew(...copy), false);

		// Killed in the middle of the copy, and after it while restic saves.
		for (const [place, anew] of [
			["^frozen$", true],
			["^podman .* backup --json", false],
		] as const) {
			appendFileSync(h.at(`${state}/more`), "more\n");
			h.whileFrozen();
			writeFileSync(h.at("tmp/hook-at"), place);
			const child = h.start("/usr/local/libexec/moltbot/backup");
			child.stdout.resume();
			child.stderr.resume();
			const ended = once(child, "close");
			while (!existsSync(h.at("tmp/reached"))) {
				assert.equal(child.exitCode, null, `${place} was not reached`);
				await sleep(20);
			}
			await unit.kill();
			await ended;
			assert.equal(existsSync(h.at(`${tree}.mark`)), !anew, place);
			ok(await h.run("rm", "/tmp/hook-at", "/tmp/reached"));
			await settle();
			ok(await h.run("bash", "-c", `echo 0 >${cgroup}/cgroup.freeze`));
			assert.equal(await isAnew(...copy), anew, place);
			ok(await h.run("rm", `/${tree}.mark`));
			ok(await h.script("backup"));
			assert.deepEqual(wrong(h), []);
		}
	},
);
