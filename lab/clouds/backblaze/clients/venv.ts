import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const requirements = path.join(import.meta.dirname, "requirements.txt");

/** Path of a Python that has boto3 and b2sdk, made once in the cache folder from pinned hashes; undefined without python3. */
export async function python(): Promise<string | undefined> {
	const cache =
		process.env.MOLTBOT_CACHE ??
		path.join(
			process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"),
			"moltbot",
		);
	try {
		await run("python3", ["-m", "venv", "--help"]);
	} catch {
		return undefined;
	}
	const hash = createHash("sha256").update(readFileSync(requirements));
	const target = path.join(
		cache,
		`b2-clients-${hash.digest("hex").slice(0, 16)}`,
	);
	const binary = path.join(target, "bin", "python3");
	if (existsSync(binary)) return binary;
	await mkdir(cache, { recursive: true });
	const fresh = await mkdtemp(path.join(cache, "b2-clients-new-"));
	try {
		await run("python3", ["-m", "venv", fresh]);
		// `python -m pip` works from the folder's later name as well; the scripts in bin would not.
		await run(path.join(fresh, "bin", "python3"), [
			...["-m", "pip", "install", "--quiet", "--require-hashes"],
			...["--requirement", requirements],
		]);
		await rename(fresh, target);
	} catch (error) {
		await rm(fresh, { recursive: true, force: true });
		// Another run was faster: its folder is as good.
		if (!existsSync(binary)) throw error;
	}
	return binary;
}
