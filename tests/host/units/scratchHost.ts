import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const scratch = new URL("scratch.sh", import.meta.url).pathname;

/** Why this machine cannot run what needs a throw-away root, or false. */
export const skip =
	process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0
		? false
		: "needs root and mount namespaces";

/** The host's scripts in a root of their own for one test; see scratch.sh. */
export function scratchHost(t: { after(fn: () => void): void }) {
	const root = mkdtempSync(join(tmpdir(), "moltbot-units-"));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	const at = (path: string) => join(root, path);
	return {
		at,
		text: (path: string) => readFileSync(at(path), "utf8"),
		run: (command: string[], input = "") =>
			spawnSync(
				"unshare",
				["-m", "--propagation", "private", scratch, root, ...command],
				{ input, encoding: "utf8" },
			),
	};
}
