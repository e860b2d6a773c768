import { posix } from "node:path";
import { messages } from "./errors.ts";
import { type Path, Report } from "./report.ts";

/** An Ignition configuration as JSON: the `ignition` section is always there, the others where used. */
export type Ignition = { ignition: Fields & { version: string } } & Fields;
type Fields = { [key: string]: unknown };

const unitName =
	/\.(service|socket|device|mount|automount|swap|target|path|timer|snapshot|slice|scope)$/;
const digestLength: Record<string, number> = { sha256: 64, sha512: 128 };

/** Checks an Ignition 3.3.0 configuration. Paths in the report are those of the JSON. */
export function validate(config: Ignition): Report {
	const report = new Report();
	const version = fields(config.ignition).version;
	if (version !== "3.3.0")
		report.error(["ignition", "version"], messages.ignitionVersion);
	const storage = fields(config.storage);
	const nodes = new Set<string>();
	for (const kind of ["directories", "files", "links"])
		each(storage[kind], ["storage", kind], (node, path) => {
			checkNode(report, node, path, nodes);
			if (kind === "files") checkFile(report, node, path);
			if (kind === "links" && !node.target)
				report.error([...path, "target"], messages.linkTarget);
		});
	checkUnits(report, config.systemd);
	for (const kind of ["users", "groups"])
		checkUnique(report, fields(config.passwd)[kind], ["passwd", kind]);
	const header = fields(config.ignition);
	const inner = fields(header.config);
	each(inner.merge, ["ignition", "config", "merge"], (r, path) =>
		checkResource(report, r, path, true),
	);
	if (inner.replace)
		checkResource(report, fields(inner.replace), [
			"ignition",
			"config",
			"replace",
		]);
	each(
		fields(fields(header.security).tls).certificateAuthorities,
		["ignition", "security", "tls", "certificateAuthorities"],
		(r, path) => checkResource(report, r, path, true),
	);
	return report;
}

function checkNode(
	report: Report,
	node: Fields,
	path: Path,
	seen: Set<string>,
): void {
	const name = text(node.path);
	const here = [...path, "path"];
	if (!name) report.error(here, messages.noPath);
	else if (!name.startsWith("/")) report.error(here, messages.relativePath);
	else if (clean(name) !== name) report.error(here, messages.dirtyPath);
	if (name && seen.has(name)) report.error(path, messages.duplicate);
	seen.add(name);
	const mode = node.mode;
	if (typeof mode === "number") {
		if (mode < 0 || mode > 0o7777)
			report.error([...path, "mode"], messages.invalidMode);
		if (mode & 0o7000) report.warn([...path, "mode"], messages.specialBits);
	}
	for (const who of ["user", "group"]) {
		const owner = fields(node[who]);
		if (owner.id !== undefined && owner.name)
			report.error([...path, who], messages.idAndName);
	}
}

function checkFile(report: Report, file: Fields, path: Path): void {
	const contents = fields(file.contents);
	if (file.overwrite === true && contents.source === undefined)
		report.error([...path, "overwrite"], messages.overwrite);
	checkResource(report, contents, [...path, "contents"]);
	each(file.append, [...path, "append"], (r, at) =>
		checkResource(report, r, at),
	);
}

function checkResource(
	report: Report,
	resource: Fields,
	path: Path,
	required = false,
): void {
	const source = text(resource.source);
	const scheme =
		/^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase() ?? "";
	if (resource.compression && resource.compression !== "gzip")
		report.error([...path, "compression"], messages.compression);
	if (required && !source) report.error([...path, "source"], messages.noSource);
	if (source && !/^(https?|tftp|gs|s3|data)$/.test(scheme))
		report.error([...path, "source"], messages.scheme);
	if (Array.isArray(resource.httpHeaders) && !/^https?$/.test(scheme))
		report.error([...path, "httpHeaders"], messages.headers);
	const hash = fields(resource.verification).hash;
	if (typeof hash !== "string") return;
	const at = [...path, "verification", "hash"];
	const [kind, sum] = hash.split(/-(.*)/s);
	if (resource.source === undefined) report.error(at, messages.hashNoSource);
	if (sum === undefined) report.error(at, messages.hash);
	else if (!kind || !Object.hasOwn(digestLength, kind))
		report.error(at, messages.hashKind);
	else if (sum.length !== digestLength[kind])
		report.error(at, messages.hashSize);
}

function checkUnits(report: Report, systemd: unknown): void {
	const units = fields(systemd).units;
	checkUnique(report, units, ["systemd", "units"]);
	each(units, ["systemd", "units"], (unit, path) => {
		if (!unitName.test(text(unit.name)))
			report.error([...path, "name"], messages.unitExtension);
		checkUnique(report, unit.dropins, [...path, "dropins"]);
		each(unit.dropins, [...path, "dropins"], (dropin, at) => {
			if (!text(dropin.name).endsWith(".conf"))
				report.error([...at, "name"], messages.dropinExtension);
		});
	});
}

function checkUnique(report: Report, list: unknown, path: Path): void {
	const seen = new Set<string>();
	each(list, path, ({ name }, at) => {
		if (seen.has(text(name))) report.error(at, messages.duplicate);
		seen.add(text(name));
	});
}

const text = (value: unknown): string =>
	typeof value === "string" ? value : "";

const fields = (value: unknown): Fields =>
	typeof value === "object" && value !== null ? (value as Fields) : {};

const clean = (path: string): string =>
	path === "/" ? path : posix.normalize(path).replace(/\/$/, "");

function each(
	list: unknown,
	path: Path,
	visit: (item: Fields, path: Path) => void,
): void {
	if (!Array.isArray(list)) return;
	for (const [i, item] of list.entries()) visit(fields(item), [...path, i]);
}
