import { rmSync } from "node:fs";
import test from "node:test";
import fc from "fast-check";
import { compare } from "../tests/compare.ts";
import { documents } from "../tests/generate.ts";
import { localFiles } from "../tests/localFiles.ts";
import { go, Reference } from "../tests/reference.ts";
import { Tally } from "../tests/tally.ts";

const seed = Number(process.env.BUTANE_FUZZ_SEED ?? 20_261_121);
const runs = Number(
	process.env.BUTANE_FUZZ_RUNS ?? (process.env.CI ? 10_000 : 1_000),
);

test("agrees with the reference on generated documents", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const reference = await Reference.start();
	const files = localFiles();
	const tally = new Tally();
	try {
		for (const text of fc.sample(documents(), { seed, numRuns: runs }))
			tally.add(
				`\n${text}`,
				compare(text, await reference.ask(text, files), files),
			);
	} finally {
		reference.stop();
		rmSync(files, { recursive: true });
	}
	tally.finish(t, `documents generated from seed ${seed}`);
});
