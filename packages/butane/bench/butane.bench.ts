// How much faster a host document is translated here than by starting the reference, and that time grows with size alone.
import { spawnSync } from "node:child_process";
import type { BenchResult } from "../../../tests/bench.ts";
import { tool } from "../../../tools/setup.ts";
import { parse, serialize, translate } from "../src/index.ts";

const rounds = 51;
/** Until the compiler of V8 has settled; the reference is compiled before it starts. */
const warmUp = 300;
const promised = 10;
/* How much longer a kilobyte of the largest document may take: the collector's share grows a little; a square would make it 33. */
const growth = 3;
const sizes = [0.15, 0.3, 0.6, 1.25, 2.5, 5];

export default async function bench(): Promise<BenchResult> {
	const reference = await tool("butane");
	const document = host(40);
	for (let i = 0; i < warmUp; i++) translated(document);
	const pairs = Array.from({ length: rounds }, () => ({
		ours: milliseconds(() => translated(document)),
		theirs: milliseconds(() => {
			const { status, stderr } = spawnSync(reference, { input: document });
			if (status !== 0) throw new Error(String(stderr));
		}),
	}));
	const ours = median(pairs.map((pair) => pair.ours));
	const theirs = median(pairs.map((pair) => pair.theirs));
	const faster = median(pairs.map((pair) => pair.theirs / pair.ours));
	const perKilobyte = sizes.map((megabytes) => ({
		megabytes,
		time: costOf(host(Math.round((megabytes * 1e6) / bytesOfUnit))),
	}));
	const least = Math.min(...perKilobyte.map(({ time }) => time));
	const largest = perKilobyte.at(-1)?.time ?? Infinity;
	if (largest > growth * least)
		throw new Error(
			`a kilobyte of 5 MB takes ${(largest / least).toFixed(1)} times as long as one of the fastest size (µs: ${perKilobyte.map(({ time }) => time.toFixed(0)).join(", ")})`,
		);
	return {
		title: `Butane: 40 units (${(document.length / 1000).toFixed(0)} kB) here and by starting the reference`,
		figures: {
			"here (ms)": ours,
			"reference, started (ms)": theirs,
			"times faster": faster,
			...Object.fromEntries(
				perKilobyte.map(({ megabytes, time }) => [
					`µs a kB of ${megabytes} MB`,
					time,
				]),
			),
		},
		// The promise is turned round: this share of the reference's time at most.
		ratio: 1 / faster,
		allowed: 1 / promised,
	};
}

/** A host document with so many units. */
function host(units: number): string {
	return `variant: fcos\nversion: 1.4.0\nsystemd:\n  units:\n${Array.from({ length: units }, (_, i) => unit(i)).join("")}`;
}

const unit = (i: number): string =>
	`    - name: job-${String(i).padStart(5, "0")}.service
      enabled: true
      contents: |
        [Unit]
        Description=Job number ${i}
        After=network-online.target
        Wants=network-online.target

        [Service]
        Type=oneshot
        ExecStart=/usr/local/libexec/jobs/run --number ${i} --verbose
        Restart=on-failure
        RestartSec=30

        [Install]
        WantedBy=multi-user.target
`;
const bytesOfUnit = unit(10_000).length;

function translated(text: string): string {
	const { document, report } = parse(text);
	const result = document && translate(document);
	if (!result?.ignition) throw new Error(report.toString());
	return serialize(result.ignition);
}

/** Microseconds of the processor a kilobyte, the least of some runs. */
function costOf(text: string): number {
	const runs = Array.from({ length: 5 }, () => {
		const start = process.cpuUsage();
		translated(text);
		const { user, system } = process.cpuUsage(start);
		return user + system;
	});
	return Math.min(...runs) / (text.length / 1000);
}

function milliseconds(work: () => unknown): number {
	const start = performance.now();
	work();
	return performance.now() - start;
}

const median = (values: readonly number[]): number =>
	values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
