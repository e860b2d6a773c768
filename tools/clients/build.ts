import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../cache.mjs";
import { goError } from "../golang.ts";

const run = promisify(execFile);
const folder = import.meta.dirname;

/** The programs of this folder. */
export type ClientName = "govultr" | "tailscale" | "connect";

/**
 * Folder of the cache with the program `client-<name>`; built on first use.
 *
 * @throws SetupError where there is no Go, or the build fails
 */
export async function clientFolder(name: ClientName): Promise<string> {
	const sources = readdirSync(join(folder, name)).map((file) =>
		readFileSync(join(folder, name, file)),
	);
	const program = `client-${name}`;
	const key = contentKey(
		program,
		readFileSync(join(folder, "go.mod")),
		readFileSync(join(folder, "go.sum")),
		...sources,
		process.arch,
	);
	return cached(
		join(cacheFolder(), "tools", `${program}-${key}`),
		(temporary) =>
			step(`building the ${name} client`, async () => {
				const output = join(temporary, program);
				const options = ["-mod=readonly", "-trimpath", "-o", output];
				await run("go", ["build", ...options, `./${name}`], {
					cwd: folder,
					env: { ...process.env, CGO_ENABLED: "0" },
				}).catch((cause: unknown) => {
					throw goError(program, cause);
				});
			}),
	);
}
