import { execFile } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../../tools/cache.mjs";

const run = promisify(execFile);
const source = join(import.meta.dirname, "../../agent-config/validate");
const manifests = ["package.json", "package-lock.json"];

/** Folder with the locked OpenClaw release in `node_modules`; installed on first use, without running its scripts. */
export function openclawFolder(): Promise<string> {
	const key = contentKey(
		...manifests.map((name) => readFileSync(join(source, name))),
	);
	return cached(join(cacheFolder(), `openclaw-${key}`), (folder) =>
		step("install OpenClaw for its validator", async () => {
			for (const name of manifests)
				copyFileSync(join(source, name), join(folder, name));
			// Not `npm ci`: it wants the optional peers that npm itself leaves out of the lock file.
			await run(
				"npm",
				["install", "--ignore-scripts", "--no-audit", "--no-fund"],
				{ cwd: folder, maxBuffer: 16 * 1024 * 1024 },
			);
		}),
	);
}

/** The `openclaw` command of that folder, to be run by Node. */
export function openclawCommand(folder: string): string {
	return join(folder, "node_modules/openclaw/openclaw.mjs");
}
