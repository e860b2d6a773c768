import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../cache.mjs";
import { ensureDebianPackages } from "../debian.ts";
import { SetupError } from "../errors.ts";

const run = promisify(execFile);
const requirements = join(import.meta.dirname, "requirements.txt");

/**
 * Folder of the cache with an interpreter under this name that has boto3 and b2sdk, their versions and hashes from
 * requirements.txt; made on first use.
 *
 * @throws SetupError where there is no Python, or its packages cannot be had
 */
export async function pythonFolder(name: string): Promise<string> {
	const key = contentKey(readFileSync(requirements), process.arch);
	const folder = join(cacheFolder(), "tools", `${name}-${key}`);
	return cached(folder, (temporary) =>
		step("installing boto3 and b2sdk", () => install(temporary, name)),
	);
}

async function install(folder: string, name: string): Promise<void> {
	await run("python3", ["--version"]).catch((cause: unknown) => {
		throw new SetupError(
			"no-python",
			'boto3 and b2sdk need Python, and there is no "python3" on PATH: install Python 3.9 or newer.',
			{ cause },
		);
	});
	// Debian keeps what makes a virtual environment in a package of its own.
	await run("python3", ["-c", "import venv, ensurepip"]).catch(() =>
		ensureDebianPackages(["python3-venv"], "A virtual environment of Python"),
	);
	try {
		await run("python3", ["-m", "venv", folder]);
		// `python -m pip` works from the folder's later name as well; the scripts in bin would not.
		const pip = ["-m", "pip", "install", "--quiet", "--require-hashes"];
		await run(
			join(folder, "bin", "python3"),
			[...pip, "--requirement", requirements],
			{ maxBuffer: 16 * 1024 * 1024 },
		);
	} catch (cause) {
		const { stderr, message } = cause as { stderr?: string; message: string };
		const lines = (stderr || message).trimEnd().split("\n").slice(-3);
		throw new SetupError(
			"python",
			`Installing boto3 and b2sdk failed: ${lines.join(" | ")}`,
			{ cause },
		);
	}
	await rm(join(folder, name), { force: true });
	await writeFile(
		join(folder, name),
		`#!/bin/sh
# Brought by tools/python/build.ts.
exec "$(dirname "$(readlink -f "$0")")/bin/python3" "$@"
`,
		{ mode: 0o755 },
	);
}
