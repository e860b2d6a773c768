import { posix } from "node:path";
import { checkResource } from "./checkResource.ts";
import { messages } from "./errors.ts";
import { checkPath, clean } from "./hostPath.ts";
import { type Fields, isFields } from "./merge.ts";
import type { Path, Report } from "./report.ts";
import { each, fields, text } from "./walk.ts";

/** Files, directories and links: each by itself, and what they are to each other and to units. */
export function checkNodes(
	report: Report,
	config: Fields,
	minor: number,
): void {
	const storage = fields(config.storage);
	for (const kind of ["directories", "files", "links"])
		each(storage[kind], ["storage", kind], (node, path) => {
			checkNode(report, node, path, minor);
			if (kind === "files") checkFile(report, node, path, minor);
		});
	const list = (kind: string): Fields[] =>
		Array.isArray(storage[kind]) ? storage[kind].filter(isFields) : [];
	const links = list("links");
	const unitFiles = new Set<string>();
	each(fields(config.systemd).units, [], (unit) => {
		const file = `/etc/systemd/system/${text(unit.name)}`;
		if (unit.contents) unitFiles.add(file);
		each(unit.dropins, [], (dropin) => {
			if (dropin.contents) unitFiles.add(`${file}.d/${text(dropin.name)}`);
		});
	});
	const linkPaths = new Set(links.map((link) => text(link.path)));
	const kinds = { directories: "directory", files: "file", links: "link" };
	for (const [kind, name] of Object.entries(kinds))
		for (const [i, node] of list(kind).entries()) {
			const path: Path = ["storage", kind, i];
			if (unitFiles.has(text(node.path)))
				report.error([...path, "path"], messages.systemdPath);
			if (isBelow(text(node.path), linkPaths))
				report.error(path, messages.linkInPath(name));
		}
	const directories = new Set(list("directories").map((d) => d.path));
	for (const [i, link] of links.entries()) {
		const path: Path = ["storage", "links", i];
		if (!link.target && minor >= 3) {
			report.error([...path, "target"], messages.linkTarget);
			continue;
		}
		if (!link.hard) continue;
		const target = text(link.target);
		const absolute = target.startsWith("/")
			? clean(target)
			: clean(posix.join(text(link.path), target));
		if (directories.has(absolute))
			report.error(path, messages.hardLinkDirectory);
		for (const who of ["user", "group"])
			for (const key of ["id", "name"])
				if (isFields(link[who]) && link[who][key] !== undefined)
					report.warn([...path, who, key], messages.hardLinkOwner);
	}
}

function checkNode(
	report: Report,
	node: Fields,
	path: Path,
	minor: number,
): void {
	checkPath(report, [...path, "path"], text(node.path));
	const { mode } = node;
	if (typeof mode === "number") {
		if (mode < 0 || mode > 0o7777)
			report.error([...path, "mode"], messages.invalidMode);
		if (mode & 0o7000 && minor < 6)
			report.warn([...path, "mode"], messages.specialBits);
	}
	for (const who of ["user", "group"]) {
		const owner = fields(node[who]);
		if (owner.id !== undefined && owner.name)
			report.error([...path, who], messages.idAndName);
	}
}

function checkFile(
	report: Report,
	file: Fields,
	path: Path,
	minor: number,
): void {
	const contents = fields(file.contents);
	if (file.overwrite === true && contents.source === undefined)
		report.error([...path, "overwrite"], messages.overwrite);
	checkResource(report, contents, [...path, "contents"], minor);
	each(file.append, [...path, "append"], (r, at) =>
		checkResource(report, r, at, minor),
	);
}

/* No path of Linux is longer. */
const longestPath = 4096;

/** Whether one of the paths is a parent of this one. */
function isBelow(path: string, others: ReadonlySet<string>): boolean {
	// Few other paths are quickly tried; many are looked up by the parents of the path.
	if (others.size < 16)
		return [...others].some((other) => path.startsWith(`${other}/`));
	let end = -1;
	do {
		end = path.indexOf("/", end + 1);
		if (end >= 0 && others.has(path.slice(0, end))) return true;
	} while (end >= 0 && end < longestPath);
	return false;
}
