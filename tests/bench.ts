// `npm run bench`: the figures that this project promises. Each is a ratio of two measurements of one run, so it means the
// same on a fast and on a slow machine; the absolute times are printed for those who wonder.
//   npm run bench            all of them
//   npm run bench -- lab     those whose file name holds that
import { globSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join, relative } from "node:path";

/** What a bench module (`*.bench.ts`, a function as default export) measures. */
export interface BenchResult {
	title: string;
	/** Measurements by name, with their unit. */
	figures: Record<string, number>;
	/** What happened when, for those that go through stages. */
	timeline?: readonly Span[];
	/** The figure that is promised, and its limit. */
	ratio?: number;
	allowed?: number;
}

/** A stage, in seconds since the beginning. */
export interface Span {
	readonly name: string;
	readonly from: number;
	readonly to: number;
}

const root = join(import.meta.dirname, "..");

if (import.meta.main) {
	const [cpu] = cpus();
	const memory = (totalmem() / 2 ** 30).toFixed(0);
	console.log(
		`${cpus().length} × ${cpu?.model ?? "CPU"}, ${memory} GiB, Node ${process.version}`,
	);
	const files = globSync(
		["tests/**/*.bench.ts", "packages/*/bench/*.bench.ts"],
		{
			cwd: root,
			exclude: ["**/node_modules/**"],
		},
	).sort();
	const wanted = process.argv.slice(2);
	for (const file of files) {
		if (wanted.length > 0 && !wanted.some((part) => file.includes(part)))
			continue;
		const module: { default: () => Promise<BenchResult> } = await import(
			join(root, file)
		);
		print(file, await module.default());
	}
}

function print(file: string, result: BenchResult): void {
	console.log(`\n${result.title} (${relative("", file)})`);
	if (result.timeline) plot(result.timeline);
	for (const [name, value] of Object.entries(result.figures))
		console.log(`  ${name.padEnd(40)} ${value.toFixed(2)}`);
	if (result.ratio === undefined) return;
	const limit = result.allowed;
	const verdict =
		limit === undefined
			? ""
			: ` of at most ${limit}: ${result.ratio <= limit ? "ok" : "TOO MUCH"}`;
	console.log(`  ratio ${result.ratio.toFixed(2)}${verdict}`);
	if (limit !== undefined && result.ratio > limit) process.exitCode = 1;
}

/** A table with a bar for each stage. */
function plot(timeline: readonly Span[]): void {
	const end = Math.max(...timeline.map(({ to }) => to));
	const column = (seconds: number) => Math.round((seconds / end) * 60);
	for (const { name, from, to } of timeline) {
		const bar = "█".repeat(Math.max(1, column(to) - column(from)));
		console.log(
			`  ${name.padEnd(28)} ${from.toFixed(1).padStart(6)} ${to.toFixed(1).padStart(6)} ${(to - from).toFixed(1).padStart(6)} s  ${" ".repeat(column(from))}${bar}`,
		);
	}
}
