import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../cache.mjs";

const run = promisify(execFile);
const folder = import.meta.dirname;

/** The programs of this folder. */
export type ClientName = "govultr" | "tailscale" | "connect";

/** Is there a Go to build them with? */
export async function hasGo(): Promise<boolean> {
	return run("go", ["version"]).then(
		() => true,
		() => false,
	);
}

/** Path of the program; built on first use. */
export async function clientProgram(name: ClientName): Promise<string> {
	const sources = readdirSync(join(folder, name)).map((file) =>
		readFileSync(join(folder, name, file)),
	);
	const key = contentKey(
		readFileSync(join(folder, "go.mod")),
		readFileSync(join(folder, "go.sum")),
		...sources,
		process.arch,
	);
	const target = join(cacheFolder(), "tools", `client-${name}-${key}`);
	const arguments_ = (temporary: string) => [
		"build",
		"-mod=readonly",
		"-trimpath",
		"-o",
		join(temporary, name),
		`./${name}`,
	];
	const built = await cached(target, (temporary) =>
		step(`building the ${name} client`, async () => {
			await run("go", arguments_(temporary), {
				cwd: folder,
				env: { ...process.env, CGO_ENABLED: "0" },
			});
		}),
	);
	return join(built, name);
}
