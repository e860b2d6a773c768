import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readFileSync,
	writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey } from "../../tools/cache.mjs";
import { ensureDebianPackages, tool } from "../../tools/setup.ts";

const run = promisify(execFile);

/** A file that stands for a download: its name, and the checksum that the Containerfile is given for it. */
export interface Input {
	readonly folder: string;
	readonly name: string;
	readonly sha256: string;
}

/** Podman's release archive with the static client in it, built from the same source. */
export async function podmanArchive(): Promise<Input> {
	const binary = await tool("podman-remote");
	const key = contentKey(binary);
	const name = "podman-remote-static-linux_amd64.tar.gz";
	const folder = await cached(
		join(cacheFolder(), "lab", `podman-archive-${key}`),
		async (temporary) => {
			mkdirSync(join(temporary, "bin"));
			const inside = "bin/podman-remote-static-linux_amd64";
			copyFileSync(binary, join(temporary, inside));
			await run("tar", [
				...["--create", "--gzip", `--file=${join(temporary, name)}`],
				...["--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"],
				...[`--directory=${temporary}`, inside],
			]);
			withCertificates(temporary);
		},
	);
	return input(folder, name);
}

/** The archive of the 1Password command line, with the lab's own `op` in it. */
export async function opArchive(): Promise<Input> {
	const source = join(import.meta.dirname, "../clouds/onepassword/op.ts");
	const code = stripTypeScriptTypes(readFileSync(source, "utf8"));
	const key = contentKey(code);
	const folder = await cached(
		join(cacheFolder(), "lab", `op-archive-${key}`),
		async (temporary) => {
			await ensureDebianPackages(["zip"], "The sandbox of the lab");
			const op = join(temporary, "op");
			writeFileSync(op, `#!/usr/bin/env node\n${code}`);
			chmodSync(op, 0o755);
			await run("zip", ["-q", "-X", "op.zip", "op"], { cwd: temporary });
		},
	);
	return input(folder, "op.zip");
}

/** A build behind a company's proxy needs the authorities that this machine trusts. */
function withCertificates(folder: string): void {
	const bundle = "/etc/ssl/certs/ca-certificates.crt";
	if (existsSync(bundle))
		copyFileSync(bundle, join(folder, "certificates.pem"));
}

function input(folder: string, name: string): Input {
	const bytes = readFileSync(join(folder, name));
	const sha256 = createHash("sha256").update(bytes).digest("hex");
	return { folder, name, sha256 };
}
