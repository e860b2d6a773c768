import assert from "node:assert/strict";
import {
	existsSync,
	mkdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ok } from "./asserts.ts";
import { writer } from "./busy.ts";
import { diskMissing, machine } from "./disk.ts";
import { skip, startState } from "./host.ts";
import { describeTree, difference } from "./tree.ts";

const state = "var/lib/moltbot/state";
/** What a shell may stumble over. */
const odd = [
	...["]", "[0]", "$(id)", "`id`", 'a"b', "it's", "back\\slash", "*", "@", "~"],
	...["new\nline", "tab\there", " lead", "trail ", "-n", "!", "ü", "a//f"],
].map((name) => name.replaceAll("/", "\u2215"));
const rounds = process.env.MOLTBOT_TEST_DEEP ? 12 : 4;

for (const kind of ["xfs", "ext4"] as const)
	test(`a copy of a busy agent is its state at one moment (${kind}, ${kind === "xfs" ? "with" : "without"} reflink)`, {
		skip: skip || diskMissing() || false,
		timeout: 300_000,
	}, async (t) => {
		const { disk, slice } = machine(t, kind);
		const { host } = await startState(t);
		const { at, run, script, whileFrozen } = await host(3, {
			root: disk.folder,
			slice,
		});
		whileFrozen(
			"rm -rf /tmp/then; mkdir /tmp/then; cp -a /var/lib/moltbot/state /var/lib/moltbot/workspace /tmp/then/",
		);
		mkdirSync(at(`${state}/project/node_modules/x`), { recursive: true });
		slice.spawn(process.execPath, [writer, at(state), "7"]);
		// And one that moves files and folders as fast as it can, so that nothing is where it was a moment ago.
		const restless = at("var/lib/moltbot/workspace/restless");
		mkdirSync(restless);
		slice.spawn(process.execPath, [writer, restless, "8", "files"]);
		let again = 0;
		for (let round = 0; round < rounds; round++) {
			for (const name of odd) {
				const folder = at(`var/lib/moltbot/workspace/odd/${round % 2}/${name}`);
				mkdirSync(folder, { recursive: true });
				writeFileSync(`${folder}/${name}`, `${round}`);
			}
			rmSync(at(`var/lib/moltbot/workspace/odd/${(round + 1) % 2}`), {
				recursive: true,
				force: true,
			});
			const { status, stderr } = await script("copy", "/var/lib/moltbot/copy");
			assert.equal(status, 0, stderr);
			assert.match(stderr, /was frozen for \d+ ms/);
			assert.equal(slice.frozen, false);
			for (const folder of ["state", "workspace"])
				assert.deepEqual(
					difference(
						describeTree(at(`var/lib/moltbot/copy/${folder}`)),
						describeTree(at(`tmp/then/${folder}`)),
					),
					[],
				);
			again = Math.max(again, Number(/ (\d+) entries/.exec(stderr)?.[1]));
		}
		// The test means nothing unless much changed between the first copy and the freeze.
		assert.ok(again > 20, `only ${again} entries had changed`);
		assert.equal(
			existsSync(at("var/lib/moltbot/copy/state/project/node_modules")),
			false,
		);
		assert.doesNotMatch((await run("ls", "/run/moltbot")).stdout, /copy\./);
	});

test("a folder that turns into a link leads the copy nowhere", {
	skip: skip || diskMissing() || false,
	timeout: 120_000,
}, async (t) => {
	const { disk, slice } = machine(t);
	const { host } = await startState(t);
	const { at, run, script } = await host(3, { root: disk.folder, slice });
	const secret = at("outside/secret");
	mkdirSync(at("outside/inner"), { recursive: true });
	writeFileSync(secret, "not the agent's");
	const copy = () => script("copy", "/var/lib/moltbot/copy");
	const swapped = at(`${state}/swapped`);

	// The copy has the link when the folder comes that is to be followed.
	const swap = async (...guard: string[]) => {
		rmSync(swapped, { recursive: true, force: true });
		symlinkSync("/outside", swapped);
		ok(await copy());
		assert.equal(
			readlinkSync(at("var/lib/moltbot/copy/state/swapped")),
			"/outside",
		);
		rmSync(swapped);
		mkdirSync(swapped);
		for (const name of ["inner", "secret"])
			writeFileSync(`${swapped}/${name}`, "the agent's");
		return run(
			...["env", ...guard, "/usr/local/libexec/moltbot/copy"],
			"/var/lib/moltbot/copy",
		);
	};
	ok(await swap());
	assert.ok(existsSync(at("outside/inner")), "it was removed outside");
	assert.equal(readFileSync(secret, "utf8"), "not the agent's");
	// The control: where links lead somewhere, root removes what the agent likes.
	await swap("MOLTBOT_LINKS=nowhere");
	assert.equal(existsSync(at("outside/inner")), false);

	// As fast as it can, and with old times: there is no moment between looking and copying.
	slice.spawn("/usr/bin/env", [
		...["--chdir", at(state), "/usr/bin/python3", "-c"],
		`import os
for name in ("real", "real/inner"): os.makedirs(name, exist_ok=True)
open("real/secret", "w").write("the agent's")
os.symlink("/outside", "link")
while True:
    os.rename("real", "now"); os.rename("now", "real"); os.rename("link", "now"); os.rename("now", "link")`,
	]);
	for (let round = 0; round < 10; round++) {
		ok(await copy());
		const { stdout } = await run(
			"grep",
			...["--recursive", "--files-with-matches", "not the agent"],
			"/var/lib/moltbot/copy",
		);
		assert.equal(stdout, "");
		assert.equal(readFileSync(secret, "utf8"), "not the agent's");
	}
});

test("what a pass lost is copied in another freeze; where each loses it, nothing is saved", {
	skip: skip || diskMissing() || false,
	timeout: 120_000,
}, async (t) => {
	const { disk, slice } = machine(t);
	const { host } = await startState(t);
	const { at, script, whileFrozen } = await host(3, {
		root: disk.folder,
		slice,
	});
	const moved = "var/lib/moltbot/state/moved";
	for (const round of [1, 2, 3]) {
		mkdirSync(at(`${moved}/${round}/inner`), { recursive: true });
		for (const path of ["file", "inner/file"])
			writeFileSync(at(`${moved}/${round}/${path}`), path);
	}
	slice.spawn("/usr/bin/sleep", ["600"]);
	/** With each freeze, as long as there are such folders, the copy lacks what is in another one. */
	const lose = (folders: number) => {
		rmSync(at("tmp/lost"), { force: true });
		whileFrozen(`
			lost=$(($(cat /tmp/lost || echo 0) + 1))
			((lost <= ${folders})) || exit 0
			echo $lost >/tmp/lost
			rm -r /var/lib/moltbot/copy/state/moved/$lost/*
			touch /${moved}/$lost`);
	};
	const copy = () => script("copy", "/var/lib/moltbot/copy");
	const freezes = (text: string) => text.match(/was frozen for/g)?.length;

	// Older than what is copied again in any case.
	const { ctimeMs } = statSync(at(`${moved}/3/inner/file`));
	while (Date.now() - ctimeMs < 1000) await sleep(50);
	ok(await copy());
	lose(1);
	const mended = await copy();
	ok(mended);
	assert.equal(freezes(mended.stderr), 2);
	assert.deepEqual(
		difference(
			describeTree(at("var/lib/moltbot/copy/state")),
			describeTree(at(state)),
		),
		[],
	);

	lose(3);
	const { status, stderr } = await copy();
	assert.equal(status, 1);
	assert.equal(freezes(stderr), 3);
	assert.match(stderr, /the copy lacks what the agent's folders hold/);
	assert.equal(existsSync(at("var/lib/moltbot/copy.mark")), false);
});
