import { createHash } from "node:crypto";
import {
	appendFileSync,
	existsSync,
	mkdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { cacheFolder } from "../../../tools/cache.mjs";

const root = new URL("../../..", import.meta.url).pathname;

/** What the deep tests found, cell by cell. */
export interface Cell {
	readonly fault: string;
	readonly step: string;
	/** How the run ended into which the fault came. */
	readonly run: string;
}

const tested = [
	...["backup", "change.sh", "changes.sh", "copy", "deliver", "folders.sh"],
	...[
		"freezer.sh",
		"holes.sh",
		"image-store",
		"last-backup",
		"lib.sh",
		"restore",
	],
	...["snapshots.sh", "store.sh", "walks.sh"],
];

/** Says which scripts were tested: cells of others are marked. */
function version(): string {
	const hash = createHash("sha256");
	for (const name of tested)
		hash.update(readFileSync(join(root, "quadlets/host", name)));
	return hash.digest("hex").slice(0, 12);
}

/** Cells of several processes come together in one file, so the product can be run in parts. */
const file = join(cacheFolder(), "state-faults.jsonl");

/** Keeps a cell whose guarantee held. */
export function record(cell: Cell): void {
	mkdirSync(dirname(file), { recursive: true });
	appendFileSync(file, `${JSON.stringify({ ...cell, version: version() })}\n`);
}

/** All that is known of these scripts, as docs/state-faults.md shows it. */
export function table(
	faults: readonly string[],
	steps: readonly string[],
): string {
	const now = version();
	const known = new Map<string, Cell & { version: string }>();
	if (existsSync(file))
		for (const line of readFileSync(file, "utf8").trim().split("\n")) {
			const cell: Cell & { version: string } = JSON.parse(line);
			known.set(`${cell.fault}/${cell.step}`, cell);
		}
	const cell = (fault: string, step: string) => {
		const found = known.get(`${fault}/${step}`);
		if (!found) return "not run";
		return found.version === now ? found.run : `${found.run}°`;
	};
	const cells = faults.flatMap((fault) =>
		steps.flatMap((step) => known.get(`${fault}/${step}`) ?? []),
	);
	const current = cells.filter((c) => c.version === now).length;
	const cuts = cell("power cut", "random moment");
	const columns = steps.map((step) => step.replace(": ", ":<br>"));
	return `# What was broken, and held

Written by \`npm run test:deep\`; not by hand. The state is one that the real OpenClaw made, and beside it an agent keeps two databases busy. Each cell is one run of the step at its head into which the fault came: it *went through* all the same, or it *failed*
and said so. In every cell that is filled in, the injection fired, the guarantee of [state.md](state.md) held, and the next ordinary run succeeded without a person;
but where it says *rescued*: a pack in the bucket was damaged that all snapshots share, so nothing started, and \`npm run rescue\` brought back the repository of before.

${cells.length} of ${faults.length * steps.length} cells, ${current} of them with the scripts as they are (\`${now}\`), those with ° with earlier ones; ${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}.
Power cuts at random moments of backups of a busy agent: ${cuts}.

| Fault | ${columns.join(" | ")} |
|---|${steps.map(() => "---|").join("")}
${faults.map((fault) => `| ${fault} | ${steps.map((step) => cell(fault, step)).join(" | ")} |`).join("\n")}
`;
}

/** Writes the table where it is committed. */
export function publish(
	faults: readonly string[],
	steps: readonly string[],
): void {
	writeFileSync(join(root, "docs/state-faults.md"), table(faults, steps));
}
