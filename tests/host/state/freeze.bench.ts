import { spawnSync } from "node:child_process";
import type { BenchResult } from "../../bench.ts";
import { ok, state } from "./asserts.ts";
import { quantile, withContext } from "./benches.ts";
import { writer } from "./busy.ts";
import { machine } from "./disk.ts";
import { startState } from "./host.ts";

/** A quick look takes fewer, and only some of the sizes (by their number). */
const rounds = Number(process.env.MOLTBOT_BENCH_ROUNDS ?? 50);
const only = process.env.MOLTBOT_BENCH_SIZES?.split(",").map(Number);
/** Files, megabytes, and how long the agent may stand still (p99, ms). */
const sizes = [
	[1000, 100, 100],
	[20_000, 100, 100],
	[20_000, 1000, 100],
	[200_000, 1000, 1000],
	[200_000, 5000, 1000],
] as const;

/** How long a busy agent stands still for a backup. */
export default async function freeze(): Promise<BenchResult> {
	const figures: Record<string, number> = {};
	let worst = 0;
	for (const [files, megabytes, limit] of sizes.filter(
		(_, i) => only === undefined || only.includes(i),
	))
		await withContext(async (t) => {
			const { disk, slice } = machine(t, "xfs", "16G");
			const { host } = await startState(t);
			const { at, script } = await host(3, { root: disk.folder, slice });
			const folder = at("var/lib/moltbot/workspace/many");
			const bytes = Math.floor((megabytes * 1e6) / files);
			const program = `import os\nfor d in range(${files / 100}):\n  os.makedirs(f"${folder}/{d}")\n  for i in range(100):\n    open(f"${folder}/{d}/{i}", "wb").write(os.urandom(64) + bytes(${Math.max(bytes - 64, 0)}))`;
			spawnSync("/usr/bin/python3", ["-c", program]);
			slice.spawn(process.execPath, [writer, at(state), "1", "in-place"]);
			const frozen: number[] = [];
			for (let i = 0; i < rounds; i++) {
				const result = await script("copy", "/var/lib/moltbot/copy");
				ok(result);
				frozen.push(Number(/frozen for (\d+) ms/.exec(result.stderr)?.[1]));
			}
			const p99 = quantile(frozen, 0.99);
			figures[`${files} files, ${megabytes} MB: median, ms`] = quantile(
				frozen,
				0.5,
			);
			figures[`${files} files, ${megabytes} MB: p99, ms`] = p99;
			worst = Math.max(worst, p99 / limit);
		});
	return {
		title:
			"How long a busy agent stands still for a backup (p99 against its limit)",
		figures,
		ratio: worst,
		allowed: 1,
	};
}
