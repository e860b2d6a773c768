import type { BenchResult } from "../../bench.ts";
import { ok } from "./asserts.ts";
import { quantile, withContext } from "./benches.ts";
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

/** Backup and restore against bare restic on the same data, over the same line, in turns; medians, because a single run says little. */
export default async function restic(): Promise<BenchResult> {
	return withContext(async (t) => {
		const { host } = await startState(t);
		const disk = () => ({ root: machine(t, "xfs", "8G").disk.folder });
		const first = await host(3, disk());
		ok(await first.script("restore"));
		ok(
			await first.run(
				"bash",
				"-c",
				"for i in {0..999}; do head -c 1M /dev/urandom >/var/lib/moltbot/workspace/$i; done",
			),
		);
		ok(await first.script("backup"));
		// A parent of its own, so that bare restic compares as ours does.
		const bare = "restic backup --quiet --tag bare $DATA/workspace";
		ok(await asRoot(first, bare));
		const ours: number[] = [];
		const theirs: number[] = [];
		for (let round = 0; round < 9; round++) {
			await change(first);
			ours.push(await seconds(async () => ok(await first.script("backup"))));
			await change(first);
			theirs.push(await seconds(async () => ok(await asRoot(first, bare))));
		}

		const restores: number[] = [];
		const bareRestores: number[] = [];
		const bareSyncs: number[] = [];
		const other = await host(3, disk());
		for (let round = 0; round < 3; round++) {
			const fresh = await host(4 + round, disk());
			restores.push(
				await seconds(async () => ok(await fresh.script("restore"))),
			);
			const restored = await seconds(async () =>
				ok(
					await asRoot(
						other,
						"mkdir -p $SAVED; restic restore latest --tag moltbot --no-lock --target $SAVED/x >/dev/null",
					),
				),
			);
			// Ours is on disk when it ends: a power cut after that loses nothing.
			const synced = await seconds(async () => ok(await other.run("sync")));
			bareRestores.push(restored + synced);
			bareSyncs.push(synced);
			ok(await other.run("rm", "-r", "/var/lib/moltbot/backup/x"));
			ok(await other.run("sync"));
		}
		const figures = {
			"backup, s": quantile(ours, 0.5),
			"bare restic, s": quantile(theirs, 0.5),
			"restore, s": quantile(restores, 0.5),
			"bare restic restore and sync, s": quantile(bareRestores, 0.5),
			"of which sync, s": quantile(bareSyncs, 0.5),
		};
		const ratios = {
			"backup, ratio": figures["backup, s"] / figures["bare restic, s"],
			"restore, ratio":
				figures["restore, s"] / figures["bare restic restore and sync, s"],
		};
		return {
			title:
				"1 GB: a backup with 10 MB changed, and a full restore, against bare restic (medians)",
			figures: { ...figures, ...ratios },
			ratio: Math.max(...Object.values(ratios)),
			allowed: 1.25,
		};
	});
}
