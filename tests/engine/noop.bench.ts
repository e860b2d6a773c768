// How much longer a no-op `up` takes than that of an empty program, plugin start included, and where the rest goes: the program is
// measured in parts, each with all that comes before it.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchResult } from "../bench.ts";
import { startWorld, type World } from "./harness/world.ts";

const rounds = 4;

const imports = `
import "./delivery.ts";
import "./host.ts";
import { moltbot as platform } from "./platforms/moltbot.ts";
import { preflight } from "./preflight.ts";
import { silenceSdk } from "./quiet.ts";
import * as pulumi from "./pulumi.ts";
import { parseSettings } from "./settings.ts";
`;
const asks = `silenceSdk();
const settings = parseSettings(pulumi.allConfig());
await preflight(platform, settings, () => {});
`;

/** Programs that end early, with the name of what each adds. */
const parts: readonly [string, string][] = [
	[
		"empty program: engine, language host, SDK (s)",
		'import "@pulumi/pulumi";\n',
	],
	["+ loading the program and its packages (s)", imports],
	["+ preflight (s)", imports + asks],
];

export default async function bench(): Promise<BenchResult> {
	const ends: (() => unknown)[] = [];
	const world = await startWorld({
		after: (end) => void ends.unshift(end as () => unknown),
	});
	try {
		await up(world);
		const whole = await fastestUp(world);

		// The same engine, SDK and project, another program.
		await world.loseState();
		const file = join(world.project, "infra", "index.ts");
		const original = readFileSync(file, "utf8");
		const figures: Record<string, number> = {};
		let before = 0;
		let empty = 0;
		for (const [name, text] of parts) {
			writeFileSync(file, text);
			const time = await fastestUp(world);
			figures[name] = time - before;
			before = time;
			empty ||= time;
		}
		writeFileSync(file, original);
		figures["+ resources: our plugin, comparing (s)"] = whole - before;
		figures["whole program (s)"] = whole;
		return {
			title: "no-op up against an empty program",
			figures,
			ratio: whole / empty,
			allowed: 1.5,
		};
	} finally {
		for (const end of ends) await end();
	}
}

async function up(world: World): Promise<void> {
	const { code, output } = await world.up();
	if (code !== 0) throw new Error(output);
}

async function fastestUp(world: World): Promise<number> {
	let fastest = Infinity;
	for (let round = 0; round < rounds; round++) {
		const start = performance.now();
		await up(world);
		fastest = Math.min(fastest, (performance.now() - start) / 1000);
	}
	return fastest;
}
