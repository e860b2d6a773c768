import type { BenchResult } from "../../bench.ts";
import { ok } from "./asserts.ts";
import { withContext } from "./benches.ts";
import { machine } from "./disk.ts";
import { asRoot, type StateHost, startState } from "./host.ts";

const seconds = async (work: () => Promise<unknown>) => {
	const start = performance.now();
	await work();
	return (performance.now() - start) / 1000;
};

const change = (host: StateHost) =>
	host.run(
		"bash",
		"-c",
		"for i in {0..9}; do head -c 1M /dev/urandom >/var/lib/moltbot/workspace/$i; done",
	);

/** Backup and restore against bare restic on the same data, over the same line. */
export default async function restic(): Promise<BenchResult> {
	return withContext(async (t) => {
		const { host } = await startState(t);
		const first = await host(3, { root: machine(t, "xfs", "8G").disk.folder });
		ok(await first.script("restore"));
		ok(
			await first.run(
				"bash",
				"-c",
				"for i in {0..999}; do head -c 1M /dev/urandom >/var/lib/moltbot/workspace/$i; done",
			),
		);
		ok(await first.script("backup"));
		await change(first);
		const ours = await seconds(async () => ok(await first.script("backup")));
		// A parent of its own, so that bare restic compares as ours does.
		const bare = "restic backup --quiet --tag bare $DATA/workspace";
		ok(await asRoot(first, bare));
		await change(first);
		const theirs = await seconds(async () => ok(await asRoot(first, bare)));

		const second = await host(4, { root: machine(t, "xfs", "8G").disk.folder });
		const restore = await seconds(async () =>
			ok(await second.script("restore")),
		);
		const third = await host(5, { root: machine(t, "xfs", "8G").disk.folder });
		const bareRestore = await seconds(async () =>
			ok(
				await asRoot(
					third,
					"mkdir -p $SAVED; restic restore latest --tag moltbot --no-lock --target $SAVED/x >/dev/null",
				),
			),
		);
		return {
			title:
				"1 GB: a backup with 10 MB changed, and a full restore, against bare restic",
			figures: {
				"backup, s": ours,
				"bare restic, s": theirs,
				"backup, ratio": ours / theirs,
				"restore, s": restore,
				"bare restic restore, s": bareRestore,
				"restore, ratio": restore / bareRestore,
			},
			ratio: Math.max(ours / theirs, restore / bareRestore),
			allowed: 1.25,
		};
	});
}
