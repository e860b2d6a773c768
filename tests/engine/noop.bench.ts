// How much longer a no-op `up` takes than that of an empty program. Plugin start included.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchResult } from "../bench.ts";
import { startWorld } from "./harness/world.ts";

const rounds = 3;

export default async function bench(): Promise<BenchResult> {
	const ends: (() => unknown)[] = [];
	const world = await startWorld({
		after: (end) => {
			ends.push(() => (end as () => unknown)());
		},
	});
	try {
		const first = await world.up();
		if (first.code !== 0) throw new Error(first.output);
		const program = await fastestUp(world);

		// The same engine, SDK and project, another program.
		const empty = await startEmpty(world.project);
		await world.loseState();
		await world.up();
		const nothing = await fastestUp(world);
		empty.restore();

		return {
			title: "no-op up against an empty program",
			figures: {
				"program (s)": program,
				"empty program (s)": nothing,
				"rest: plugins, SDKs, preflight (s)": program - nothing,
			},
			ratio: program / nothing,
			allowed: 1.5,
		};
	} finally {
		for (const end of ends.reverse()) await end();
	}
}

async function fastestUp(world: {
	up(): Promise<{ code: number | null; output: string }>;
}): Promise<number> {
	let fastest = Infinity;
	for (let round = 0; round < rounds; round++) {
		const start = performance.now();
		const { code, output } = await world.up();
		if (code !== 0) throw new Error(output);
		fastest = Math.min(fastest, (performance.now() - start) / 1000);
	}
	return fastest;
}

async function startEmpty(project: string) {
	const file = join(project, "infra", "index.ts");
	const text = readFileSync(file, "utf8");
	writeFileSync(file, 'import "@pulumi/pulumi";\n');
	return { restore: () => writeFileSync(file, text) };
}
