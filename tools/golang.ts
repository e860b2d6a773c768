import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "./cache.mjs";
import { ensureDebianPackages } from "./debian.ts";
import { SetupError } from "./errors.ts";

const run = promisify(execFile);

/** Binaries that one Go module below tools/ pins and that belong into one folder. */
export interface GoBundle {
	/** Folder below tools/ with go.mod and go.sum. */
	module: string;
	/** Version of what is built, for the progress line. */
	version: string;
	/** Binary name → package to build. */
	binaries: Record<string, string>;
	ldflags?: string;
	tags?: string;
	/** Debian packages that a build with cgo needs; without them the build is pure Go. */
	cgoPackages?: string[];
}

/** Folder of the cache with the bundle's binaries; built on first use. */
export async function goBundle(
	bundle: GoBundle,
	toolsFolder: string,
): Promise<string> {
	return cached(goBundleFolder(bundle, toolsFolder), (temporary) =>
		step(`building ${describe(bundle)}`, () =>
			build(bundle, join(toolsFolder, bundle.module), temporary),
		),
	);
}

/** Where the bundle is or will be: named by all that goes into it. */
export function goBundleFolder(bundle: GoBundle, toolsFolder: string): string {
	const module = join(toolsFolder, bundle.module);
	const key = contentKey(
		readFileSync(join(module, "go.mod")),
		readFileSync(join(module, "go.sum")),
		JSON.stringify(bundle),
		process.platform,
		process.arch,
	);
	return join(cacheFolder(), "tools", `${bundle.module}-${key}`);
}

function describe(bundle: GoBundle): string {
	return `${Object.keys(bundle.binaries).join(", ")} ${bundle.version}`;
}

async function build(
	bundle: GoBundle,
	module: string,
	folder: string,
): Promise<void> {
	const names = describe(bundle);
	if (bundle.cgoPackages) await ensureDebianPackages(bundle.cgoPackages, names);
	// go build may touch go.mod and go.sum; the work tree is not to change by a test run.
	const copy = mkdtempSync(join(tmpdir(), "moltbot-go-"));
	try {
		for (const file of ["go.mod", "go.sum"])
			copyFileSync(join(module, file), join(copy, file));
		for (const [binary, source] of Object.entries(bundle.binaries))
			await run(
				"go",
				[
					"build",
					"-trimpath",
					...(bundle.tags ? ["-tags", bundle.tags] : []),
					"-ldflags",
					`-s -w ${bundle.ldflags ?? ""}`.trim(),
					"-o",
					join(folder, binary),
					source,
				],
				{
					cwd: copy,
					env: {
						...process.env,
						CGO_ENABLED: bundle.cgoPackages ? "1" : "0",
					},
					maxBuffer: 64 * 1024 * 1024,
				},
			);
	} catch (cause) {
		throw goError(names, cause);
	} finally {
		rmSync(copy, { recursive: true, force: true });
	}
}

/** What a failed `go build` means. */
export function goError(names: string, cause: unknown): SetupError {
	const { code, stderr } = cause as { code?: unknown; stderr?: string };
	if (code === "ENOENT")
		return new SetupError(
			"no-go",
			`Building ${names} needs Go, and there is no "go" on PATH: install Go 1.26 or newer (https://go.dev/dl).`,
			{ cause },
		);
	const lines = (stderr ?? String(cause)).trimEnd().split("\n").slice(-5);
	return new SetupError(
		"go-build",
		`Building ${names} failed: ${lines.join(" | ")}`,
		{ cause },
	);
}
