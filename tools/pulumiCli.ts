import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { cp } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, step } from "./cache.mjs";

const run = promisify(execFile);
const downloads = "https://get.pulumi.com/install.sh";

/**
 * Whether an installed engine serves an SDK: the same major version, and not older than the SDK.
 *
 * @param found what `pulumi version` prints, such as `v3.261.0`
 */
export function fits(found: string, sdk: string): boolean {
	const parse = (text: string) =>
		/^v?(\d+)\.(\d+)\.(\d+)/.exec(text.trim())?.slice(1).map(Number);
	const [a, b] = [parse(found), parse(sdk)];
	if (!a || !b || a[0] !== b[0]) return false;
	const [minor = 0, wantedMinor = 0] = [a[1], b[1]];
	const [patch = 0, wantedPatch = 0] = [a[2], b[2]];
	return minor > wantedMinor || (minor === wantedMinor && patch >= wantedPatch);
}

/**
 * URL of a stack's state in a folder, for `PULUMI_BACKEND_URL`.
 *
 * Without `metadata=skip` each file of the state has a second one beside it (`.attrs`) that the engine opens, empties and
 * then writes; an engine killed in between could read its state no more: "failed to load checkpoint: EOF" (setAttrs in
 * gocloud.dev/blob/fileblob). The state itself is renamed into place.
 */
export function stateUrl(folder: string): string {
	return `file://${folder}?metadata=skip`;
}

/** Folder of an installed engine that fits and has its language host beside it. */
export async function pulumiOnPath(sdk: string): Promise<string | undefined> {
	for (const folder of (process.env.PATH ?? "").split(delimiter)) {
		const binary = join(folder, "pulumi");
		if (!folder || !isExecutable(binary)) continue;
		// Package managers link the binary into bin and leave the language host beside the original.
		const home = dirname(realpathSync(binary));
		if (!existsSync(join(home, "pulumi-language-nodejs"))) continue;
		const { stdout } = await run(binary, ["version"], {
			env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
		}).catch(() => ({ stdout: "" }));
		if (fits(stdout, sdk)) return home;
	}
	return undefined;
}

/** Folder of the engine that npm's `pulumi` package downloads, where its download can be reached. */
export async function officialPulumi(
	version: string,
): Promise<string | undefined> {
	const folder = join(
		cacheFolder(),
		"tools",
		`pulumi-official-${version}-${process.platform}-${process.arch}`,
	);
	if (existsSync(folder)) return folder;
	if (!(await canBeReached(downloads))) return undefined;
	return cached(folder, (temporary) =>
		step(`downloading Pulumi ${version}`, async () => {
			const home = join(temporary, "home");
			await run("npx", ["--yes", `pulumi@${version}`, "version"], {
				env: { ...process.env, PULUMI_HOME: home },
				maxBuffer: 16 * 1024 * 1024,
			});
			await cp(join(home, "versions", version, "bin"), temporary, {
				recursive: true,
			});
		}),
	);
}

async function canBeReached(url: string): Promise<boolean> {
	try {
		const signal = AbortSignal.timeout(5_000);
		return (await fetch(url, { method: "HEAD", signal })).ok;
	} catch {
		return false;
	}
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
