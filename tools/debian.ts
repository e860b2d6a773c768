import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync } from "node:fs";
import {
	cp,
	mkdir,
	readdir,
	readFile,
	rename,
	rm,
	writeFile,
} from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step, withLock } from "./cache.mjs";
import { SetupError } from "./errors.ts";

const run = promisify(execFile);
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const options = { maxBuffer: 64 * 1024 * 1024 };

/** One file out of a Debian package, taken without installing the package. */
export interface DebianFile {
	package: string;
	/** Release to take it from; Debian keeps one version of a package in each. */
	suite: string;
	/** Path in the package. */
	path: string;
	/** Binary name. */
	name: string;
	/** Packages with shared libraries that it needs and a machine may lack; they are put beside it. */
	libraries?: readonly string[];
}

/** Folder of the cache that holds the file under its name. */
export async function debianFile(file: DebianFile): Promise<string> {
	const key = contentKey(JSON.stringify(file), process.arch);
	return cached(
		join(cacheFolder(), "tools", `${file.name}-${file.suite}-${key}`),
		(temporary) =>
			step(`fetching ${file.name} from Debian ${file.suite}`, () =>
				unpack(file, temporary),
			),
	);
}

async function unpack(file: DebianFile, folder: string): Promise<void> {
	await withPackages(
		file.name,
		[file.package, ...(file.libraries ?? [])],
		file.suite,
		folder,
		async ({ tree }) => {
			if (file.libraries) await withLibraries(file, tree, folder);
			else await cp(join(tree, file.path), join(folder, file.name));
		},
	);
}

/** A Debian package that is used as a whole, without being installed. */
export interface DebianPackage {
	package: string;
	suite: string;
	/** Of the archive: another version is another tool, and says so. */
	sha256: string;
}

/** Folder of the cache with the files of the package, as they would lie below `/`. */
export async function debianPackage(wanted: DebianPackage): Promise<string> {
	const name = wanted.package;
	return cached(
		join(cacheFolder(), "tools", `${name}-${contentKey(wanted.sha256)}`),
		(temporary) =>
			step(`fetching ${name} from Debian ${wanted.suite}`, () =>
				withPackages(
					name,
					[name],
					wanted.suite,
					temporary,
					async ({ tree, archives }) => {
						const [archive = ""] = archives;
						const found = createHash("sha256")
							.update(await readFile(archive))
							.digest("hex");
						if (found !== wanted.sha256)
							throw new Error(
								`${basename(archive)} has the checksum ${found}, tools/setup.ts names ${wanted.sha256}`,
							);
						for (const top of await readdir(tree))
							await rename(join(tree, top), join(temporary, top));
					},
				),
			),
	);
}

/** Downloads packages of a release, unpacks them into one tree and hands that over; nothing of it stays. */
async function withPackages(
	name: string,
	packages: readonly string[],
	suite: string,
	folder: string,
	use: (unpacked: { tree: string; archives: string[] }) => Promise<void>,
): Promise<void> {
	if (!hasApt())
		throw new SetupError(
			"no-apt",
			`${name} is taken from Debian ${suite}, and this machine has no apt-get with Debian's keyring: run this on Debian, or install the package debian-archive-keyring.`,
		);
	const apt = join(folder, "apt");
	const partial = ["state/lists/partial", "cache/archives/partial", "etc"];
	for (const path of partial) await mkdir(join(apt, path), { recursive: true });
	const list = join(apt, "etc", "sources.list");
	await writeFile(
		list,
		`deb [signed-by=${keyring}] ${await mirror()} ${suite} main\n`,
	);
	// An apt of its own: the machine's sources and lists stay as they are, and no root is needed.
	const settings = [
		`Dir::State=${join(apt, "state")}`,
		`Dir::Cache=${join(apt, "cache")}`,
		`Dir::Etc::SourceList=${list}`,
		"Dir::Etc::SourceParts=-",
		"Dir::State::status=/var/lib/dpkg/status",
		"APT::Sandbox::User=",
		"Acquire::Languages=none",
	].flatMap((setting) => ["-o", setting]);
	try {
		await run("apt-get", [...settings, "-q", "update"], options);
		await run("apt-get", [...settings, "-q", "download", ...packages], {
			...options,
			cwd: apt,
		});
		const archives = (await readdir(apt))
			.filter((file) => file.endsWith(".deb"))
			.map((file) => join(apt, file));
		if (archives.length === 0) throw new Error("apt-get downloaded nothing");
		const tree = join(apt, "tree");
		for (const archive of archives)
			await run("dpkg", ["-x", archive, tree], options);
		await use({ tree, archives });
	} catch (cause) {
		throw debianError(`${packages[0]} of ${suite}`, cause);
	}
	await rm(apt, { recursive: true });
}

/** The program behind a script that shows it the libraries beside it. */
async function withLibraries(
	{ name, path }: DebianFile,
	tree: string,
	folder: string,
): Promise<void> {
	await mkdir(join(folder, "lib"));
	await cp(join(tree, path), join(folder, "lib", name));
	for (const found of globSync("{usr/,}lib/*/*.so*", { cwd: tree }))
		await cp(join(tree, found), join(folder, "lib", basename(found)), {
			verbatimSymlinks: true,
		});
	await writeFile(
		join(folder, name),
		`#!/bin/sh
# Brought by tools/debian.ts.
lib=$(dirname "$(readlink -f "$0")")/lib
LD_LIBRARY_PATH=$lib exec "$lib/${name}" "$@"
`,
		{ mode: 0o755 },
	);
}

function hasApt(): boolean {
	return existsSync("/usr/bin/apt-get") && existsSync(keyring);
}

/** The Debian mirror that this machine uses. */
async function mirror(): Promise<string> {
	const { stdout } = await run("apt-get", [
		"indextargets",
		"--format",
		"$(REPO_URI) $(RELEASE) $(COMPONENT)",
	]).catch(() => ({ stdout: "" }));
	const uri = stdout
		.split("\n")
		.map((line) => line.split(" ")[0] ?? "")
		.find((found) => /\/debian\/?$/.test(found));
	return uri ?? "http://deb.debian.org/debian";
}

/**
 * Installs these Debian packages where they are missing; needs root for that.
 *
 * @param purpose what they are for, for the message
 */
export async function ensureDebianPackages(
	packages: readonly string[],
	purpose: string,
): Promise<void> {
	const missing: string[] = [];
	for (const name of packages)
		if (!(await isInstalled(name))) missing.push(name);
	if (missing.length === 0) return;
	if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0)
		throw new SetupError(
			"debian",
			`${purpose} needs the Debian packages ${missing.join(", ")}: run "apt-get install ${missing.join(" ")}" as root.`,
		);
	await withLock("apt-get", () =>
		step(`installing ${missing.join(", ")}`, async () => {
			const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
			const wait = ["-q", "-o", "DPkg::Lock::Timeout=300"];
			try {
				await run("apt-get", [...wait, "update"], { ...options, env });
				await run(
					"apt-get",
					[...wait, "install", "-y", "--no-install-recommends", ...missing],
					{ ...options, env },
				);
			} catch (cause) {
				throw debianError(missing.join(", "), cause);
			}
		}),
	);
}

async function isInstalled(name: string): Promise<boolean> {
	const status = await run("dpkg-query", [
		"-W",
		"-f",
		"$" + "{db:Status-Status}",
		name,
	]).catch(() => ({ stdout: "" }));
	return status.stdout === "installed";
}

function debianError(what: string, cause: unknown): SetupError {
	const { stderr, message } = cause as { stderr?: string; message: string };
	const lines = (stderr || message).trimEnd().split("\n").slice(-3);
	return new SetupError(
		"debian",
		`Getting ${what} from Debian failed: ${lines.join(" | ")}`,
		{ cause },
	);
}
