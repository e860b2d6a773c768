// Part of the build: takes out of node_modules what no program reads. Each file of the image is one more that every host
// unpacks. OpenClaw's own files, which it checks, all stay.
//   node prune.mjs FOLDER…     Removes nothing and names it where a package has such a file as its entry.
import {
	existsSync,
	readdirSync,
	readFileSync,
	rmdirSync,
	rmSync,
	statSync,
} from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

/** By the name of a file. Node itself refuses to run TypeScript below node_modules, and nobody debugs or edits there. */
const files = [
	["declarations", /\.d\.([^.]+\.)?[cm]?ts$/],
	["source maps", /\.([cm]?[jt]s|css)\.map$/],
	["sources", /\.([cm]?tsx?|coffee|less|scss|tsbuildinfo)$/],
];
/** Folders of a package that are for those who work on it. */
const folders =
	/^(\.github|\.nyc_output|benchmarks?|coverage|docs?|examples?|man|tests?)$/;
/** Files of the same kind; they stay where the licence may stand in them. */
const prose = /^(changelog|contributing|history|readme|security)\.\w+$/i;
const licence = /^(licen[cs]e|copying|unlicense)/i;
/** The compiler reads its declarations of the language. */
const kept = /\/node_modules\/typescript\/lib\/lib\.[^/]*$/;
/** Keys of `exports` and `imports` that Node follows; others, as "types", are for other programs. */
const followed = /^([.#\d].*|node|import|require|module-sync|default)$/;

/** What goes and why: a file, or a folder with all in it. @type {Map<string, string>} */
const going = new Map();
/** Files that must not. @type {{ path: string, home: string, manifest: string }[]} */
const entries = [];

for (const folder of process.argv.slice(2)) walk(resolve(folder), undefined);
const missed = entries.filter(
	({ path, home }) =>
		(path.includes("*") || existsSync(path)) && why(path, home),
);
for (const { path, manifest } of missed)
	console.error(
		`${path} would go, but ${manifest} names it as an entry: name it in prune.mjs under what is kept.`,
	);
if (missed.length > 0) process.exit(1);
for (const [what, { count, bytes }] of [...remove()].sort())
	console.log(`${what}: ${count} files, ${(bytes / 1e6).toFixed(1)} MB`);

/** @param {string | undefined} home folder of the package that it belongs to; none outside of node_modules */
function walk(folder, home) {
	for (const entry of readdirSync(folder, { withFileTypes: true })) {
		const path = join(folder, entry.name);
		if (entry.isDirectory() && entry.name === "node_modules") packages(path);
		else {
			const reason = home && !entry.isSymbolicLink() && why(path, home);
			if (reason) going.set(path, reason);
			else if (entry.isDirectory()) walk(path, home);
			else if (home && entry.name === "package.json")
				for (const named of namedIn(path))
					entries.push({ path: join(folder, named), home, manifest: path });
		}
	}
}

function packages(folder) {
	for (const entry of readdirSync(folder, { withFileTypes: true })) {
		const path = join(folder, entry.name);
		const manifest = join(path, "package.json");
		if (!entry.isDirectory()) continue;
		if (entry.name.startsWith("@")) packages(path);
		else if (!existsSync(manifest)) walk(path, undefined);
		else if (isForeign(read(manifest))) going.set(path, "other platforms");
		else walk(path, path);
	}
}

function why(path, home) {
	if (kept.test(path)) return;
	const [first = "", ...rest] = relative(home, path).split(sep);
	const isFolder =
		rest.length > 0 || statSync(path, { throwIfNoEntry: false })?.isDirectory();
	if (folders.test(first) && isFolder) return "tests and documents";
	if (
		rest.length === 0 &&
		prose.test(first) &&
		readdirSync(home).some((name) => licence.test(name))
	)
		return "tests and documents";
	return files.find(([, pattern]) => pattern.test(path))?.[0];
}

/** Whether npm would not install it here, but another package brings it inside. */
function isForeign({ os, cpu, libc }) {
	const excludes = (/** @type {string[]} */ allowed = [], own) =>
		allowed.includes(`!${own}`) ||
		(allowed.some((one) => !one.startsWith("!")) && !allowed.includes(own));
	return (
		excludes(os, process.platform) ||
		excludes(cpu, process.arch) ||
		excludes(libc, "glibc")
	);
}

/** Every path by which Node enters the package of this manifest, or OpenClaw a plugin. */
function namedIn(path) {
	const { main, bin, exports, imports, openclaw } = read(path);
	const leaves = (value) =>
		typeof value === "string"
			? [value]
			: Object.entries(value ?? {}).flatMap(([key, inner]) =>
					followed.test(key) ? leaves(inner) : [],
				);
	const commands = typeof bin === "object" ? Object.values(bin) : [bin];
	const plugins = [openclaw?.extensions, openclaw?.setupEntry].flat();
	return [
		...[main, ...commands, ...plugins],
		...[...leaves(exports), ...leaves(imports)],
	].filter((named) => typeof named === "string" && named !== "");
}

function read(path) {
	return JSON.parse(readFileSync(path, "utf8"));
}

/** Also each folder that is empty then. */
function remove() {
	/** @type {Map<string, { count: number, bytes: number }>} */
	const sums = new Map();
	for (const [path, reason] of going) {
		const sum = sums.get(reason) ?? { count: 0, bytes: 0 };
		for (const { size } of filesOf(path)) {
			sum.count++;
			sum.bytes += size;
		}
		sums.set(reason, sum);
		rmSync(path, { recursive: true });
		let folder = dirname(path);
		while (readdirSync(folder).length === 0) {
			rmdirSync(folder);
			folder = dirname(folder);
		}
	}
	return sums;
}

function filesOf(path) {
	const whole = statSync(path);
	return whole.isFile()
		? [whole]
		: readdirSync(path, { recursive: true, withFileTypes: true })
				.filter((entry) => entry.isFile())
				.map(({ parentPath, name }) => statSync(join(parentPath, name)));
}
