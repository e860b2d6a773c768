import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../cache.mjs";
import { ensureDebianPackages } from "../debian.ts";
import { SetupError } from "../errors.ts";

const run = promisify(execFile);

/** Packages of Python in a virtual environment of their own. */
interface Bundle {
	/** What the folder holds: an interpreter that has them, or a program of theirs. */
	readonly name: string;
	readonly program: string;
	/** File beside this one with versions and hashes. */
	readonly requirements: string;
	/** For messages. */
	readonly packages: string;
}

/**
 * Folder of the cache with an interpreter under this name that has boto3 and b2sdk, their versions and hashes from
 * requirements.txt; made on first use.
 *
 * @throws SetupError where there is no Python, or its packages cannot be had
 */
export async function pythonFolder(name: string): Promise<string> {
	return bundleFolder({
		name,
		program: "python3",
		requirements: "requirements.txt",
		packages: "boto3 and b2sdk",
	});
}

/** Folder of the cache with zizmor, which audits workflows of GitHub: one binary, brought by its package. */
export async function zizmorFolder(): Promise<string> {
	return bundleFolder({
		name: "zizmor",
		program: "zizmor",
		requirements: "zizmor.txt",
		packages: "zizmor",
	});
}

function bundleFolder(bundle: Bundle): Promise<string> {
	const requirements = join(import.meta.dirname, bundle.requirements);
	const key = contentKey(readFileSync(requirements), process.arch);
	const folder = join(cacheFolder(), "tools", `${bundle.name}-${key}`);
	return cached(folder, (temporary) =>
		step(`installing ${bundle.packages}`, () =>
			install(temporary, bundle, requirements),
		),
	);
}

async function install(
	folder: string,
	{ name, program, packages }: Bundle,
	requirements: string,
): Promise<void> {
	await run("python3", ["--version"]).catch((cause: unknown) => {
		throw new SetupError(
			"no-python",
			`Installing ${packages} needs Python, and there is no "python3" on PATH: install Python 3.9 or newer.`,
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
			`Installing ${packages} failed: ${lines.join(" | ")}`,
			{ cause },
		);
	}
	await rm(join(folder, name), { force: true });
	await writeFile(
		join(folder, name),
		`#!/bin/sh
# Brought by tools/python/build.ts.
exec "$(dirname "$(readlink -f "$0")")/bin/${program}" "$@"
`,
		{ mode: 0o755 },
	);
}
