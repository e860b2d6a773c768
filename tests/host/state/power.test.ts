import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { marker, ok, state } from "./asserts.ts";
import { assertWhole, readBusy, writer } from "./busy.ts";
import { diskMissing, machine } from "./disk.ts";
import { faults, steps } from "./faults.ts";
import { asRoot, type StateHost, skip, startState } from "./host.ts";
import { copyState, RealAgent } from "./realAgent.ts";
import { publish, record } from "./table.ts";

const options = {
	skip: skip || diskMissing() || false,
	timeout: 3_600_000,
};
const cuts = Number(
	process.env.MOLTBOT_TEST_CUTS ?? (process.env.MOLTBOT_TEST_DEEP ? 100 : 15),
);

/** Pseudo-random numbers from 0 to 1; the seed is printed, so a run can be had again. */
function randomOf(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
		return state / 2 ** 31;
	};
}

/** Fetches every snapshot that claims to be complete and looks into it: what OpenClaw knew, and a busy agent's work up to one moment. */
async function inspect(host: StateHost, agent: RealAgent): Promise<number> {
	const text = ok(
		await asRoot(
			host,
			`source /usr/local/libexec/moltbot/holes.sh; source /usr/local/libexec/moltbot/snapshots.sh
for id in $(candidates | jq -r '.[].id'); do
	fetch "$id" "$SAVED/$id" >&2
	echo "$SAVED/$id/state"
done`,
		),
	);
	const folders = text.trim().split("\n");
	const told = agent.contents(agent.state);
	for (const folder of folders.map((path) => host.at(path))) {
		assert.equal(agent.contents(folder), told, folder);
		assertWhole(readBusy(folder));
	}
	return folders.length;
}

test(
	"power cuts at random moments of backups of a busy agent: every snapshot is whole",
	options,
	async (t) => {
		const seed = Number(process.env.MOLTBOT_TEST_SEED ?? 1);
		t.diagnostic(`seed ${seed}, ${cuts} power cuts`);
		const random = randomOf(seed);
		const agent = await RealAgent.told(t, "the power may go");
		const { host } = await startState(t);
		const { disk, slice, unit } = machine(t);
		const h = await host(3, { root: disk.folder, slice, unit });
		ok(await h.script("restore"));
		copyState(agent.state, h.at(state));
		// A moment of a backup, or shortly after it, however fast this machine is: what the last whole one took, and half of that.
		slice.spawn(process.execPath, [writer, h.at(state), String(cuts + 1)]);
		let whole = performance.now();
		ok(await h.script("backup"));
		whole = performance.now() - whole;
		await slice.kill();
		let finished = 0;
		for (let i = 0; i < cuts; i++) {
			slice.spawn(process.execPath, [writer, h.at(state), String(i + 1)]);
			const began = performance.now();
			const child = h.start("/usr/local/libexec/moltbot/backup");
			child.stdout.resume();
			child.stderr.resume();
			const ended = once(child, "close");
			await Promise.race([
				sleep(random() * 1.5 * whole),
				ended.then(() => {
					if (child.exitCode === 0) whole = performance.now() - began;
				}),
			]);
			if (child.exitCode === 0) finished += 1;
			disk.cut();
			await slice.kill();
			await unit.kill();
			await ended;
			disk.powerUp();
			// Boot: what runs the scripts again, and nothing is frozen.
			writeFileSync(`${slice.folder}/cgroup.freeze`, "0");
			assert.equal(h.text(marker), "fresh\n");
		}
		// The next ordinary run needs no person.
		ok(await h.script("backup"));
		const complete = await inspect(await host(4), agent);
		t.diagnostic(
			`${complete} snapshots, ${finished} backups had ended before the cut`,
		);
		assert.ok(complete >= finished + 2);
		if (!process.env.MOLTBOT_TEST_DEEP) return;
		const run = `${cuts} cuts (seed ${seed}); ${finished} backups had ended before, ${complete} snapshots claim to be complete, all of them are`;
		record({ fault: "power cut", step: "random moment", run });
		publish(Object.keys(faults), Object.keys(steps));
	},
);

/** A restore, and a power cut as soon as it has said that it is done. */
async function cutAfterRestore(
	t: TestContext,
	world: Awaited<ReturnType<typeof startState>>,
	generation: number,
	change: (script: string) => string,
) {
	const { disk, slice } = machine(t);
	const h = await world.host(generation, { root: disk.folder, slice });
	const script = h.at("usr/local/libexec/moltbot/restore");
	const before = readFileSync(script, "utf8");
	const changed = change(before);
	writeFileSync(script, changed);
	// What the host is made of has long been on the disk.
	ok(await h.run("/usr/bin/sync", "--file-system", "/tmp"));
	ok(await h.script("restore"));
	disk.cut();
	disk.powerUp();
	return { h, isChanged: changed !== before };
}

test(
	"a power cut right after a restore: the marker vouches for every byte, and without its fsync it would not",
	options,
	async (t) => {
		const world = await startState(t);
		const first = await world.host(3);
		ok(await first.script("restore"));
		mkdirSync(first.at(`${state}/files`));
		for (let i = 0; i < 300; i++)
			writeFileSync(
				first.at(`${state}/files/${i}`),
				`what was said, part ${i}\n`.repeat(40),
			);
		ok(await first.script("backup"));
		const isWhole = (h: StateHost) => {
			for (let i = 0; i < 300; i++) {
				const file = `${state}/files/${i}`;
				if (!existsSync(h.at(file)) || h.text(file) !== first.text(file))
					return false;
			}
			return true;
		};
		const real = await cutAfterRestore(t, world, 4, (script) => script);
		assert.match(real.h.text(marker), /^restored:/);
		assert.equal(isWhole(real.h), true);

		const without = await cutAfterRestore(t, world, 5, (script) =>
			script.replace('sync --file-system "$DATA"\n', "true\n"),
		);
		assert.ok(without.isChanged, "there is no fsync to take away");
		assert.ok(existsSync(without.h.at(marker)), "the marker itself is synced");
		assert.equal(
			isWhole(without.h),
			false,
			"the test cannot tell a missing fsync",
		);
	},
);
