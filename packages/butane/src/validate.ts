import { checkDevices } from "./checkDevices.ts";
import { checkNodes } from "./checkNodes.ts";
import { checkResource, isWeb, sourceProblem } from "./checkResource.ts";
import { messages } from "./errors.ts";
import { type Fields, keyOf, repeating } from "./merge.ts";
import { type Path, Report } from "./report.ts";
import { readUnit } from "./unitText.ts";
import { parseUrl } from "./url.ts";
import { versions } from "./versions.ts";
import { each, fields, text } from "./walk.ts";

/** An Ignition configuration as JSON: the `ignition` section is always there, the others where used. */
export type Ignition = { ignition: Fields & { version: string } } & Fields;

const unitName =
	/\.(service|socket|device|mount|automount|swap|target|path|timer|snapshot|slice|scope)$/;
const known: readonly string[] = Object.values(versions);

/** Checks an Ignition configuration of version 3.0.0 to 3.6.0. Paths in the report are those of the JSON. */
export function validate(config: Ignition): Report {
	const report = new Report();
	const header = fields(config.ignition);
	const version = text(header.version);
	if (!known.includes(version))
		report.error(["ignition", "version"], messages.ignitionVersion);
	const minor = Number(version.split(".")[1] ?? 6);
	checkDuplicates(report, config, []);
	const storage = fields(config.storage);
	checkNodes(report, config, minor);
	checkDevices(report, storage, minor);
	checkUnits(report, config.systemd);
	checkHeader(report, header, minor);
	return report;
}

function checkHeader(report: Report, header: Fields, minor: number): void {
	const inner = fields(header.config);
	each(inner.merge, ["ignition", "config", "merge"], (r, path) => {
		checkReference(report, r, path, minor);
		if (minor > 0) checkRequired(report, r, path, minor);
	});
	const replace: Path = ["ignition", "config", "replace"];
	checkReference(report, fields(inner.replace), replace, minor);
	each(
		fields(fields(header.security).tls).certificateAuthorities,
		["ignition", "security", "tls", "certificateAuthorities"],
		(r, path) => {
			checkReference(report, r, path, minor);
			if (minor > 0) checkRequired(report, r, path, minor);
			else if (!r.source) report.error([...path, "source"], messages.scheme);
		},
	);
	for (const key of ["httpProxy", "httpsProxy"]) {
		const url = fields(header.proxy)[key];
		if (url === undefined) continue;
		const path = ["ignition", "proxy", key];
		const scheme = parseUrl(text(url))?.scheme;
		if (scheme === undefined) report.error(path, messages.url);
		else if (!isWeb(scheme)) report.error(path, messages.proxy);
		else if (scheme === "http" && key === "httpsProxy")
			report.warn(path, messages.insecureProxy);
	}
}

/** A resource of the header. In 3.0.0 those were a source with a hash, and a hash without a source was no fault. */
function checkReference(
	report: Report,
	reference: Fields,
	path: Path,
	minor: number,
): void {
	checkResource(report, reference, path, minor, minor > 0);
}

function checkRequired(
	report: Report,
	resource: Fields,
	path: Path,
	minor: number,
): void {
	if (!resource.source) report.error(path, messages.noSource);
	else {
		const wrong = sourceProblem(text(resource.source), minor);
		if (wrong) report.error(path, wrong);
	}
}

function checkUnits(report: Report, systemd: unknown): void {
	each(fields(systemd).units, ["systemd", "units"], (unit, path) => {
		const name = text(unit.name);
		if (!unitName.test(name))
			report.error([...path, "name"], messages.unitExtension);
		const read = readUnit(text(unit.contents));
		const here = [...path, "contents"];
		if (typeof read === "string")
			report.error(here, messages.unitContent(read));
		else if (unit.contents && unit.enabled && !read.sections.has("Install"))
			report.warn(here, messages.noInstall(name));
		each(unit.dropins, [...path, "dropins"], (dropin, at) => {
			if (!text(dropin.name).endsWith(".conf"))
				report.error([...at, "name"], messages.dropinExtension);
			const inner = readUnit(text(dropin.contents));
			if (typeof inner === "string")
				report.error([...at, "contents"], messages.unitContent(inner));
		});
	});
}

/* Lists of one section whose entries must differ from each other's too. */
const shared: Record<string, string> = {
	directories: "node",
	files: "node",
	links: "node",
	shouldExist: "argument",
	shouldNotExist: "argument",
};

function checkDuplicates(report: Report, value: unknown, path: Path): void {
	if (typeof value !== "object" || value === null) return;
	if (Array.isArray(value)) {
		for (const [i, item] of value.entries())
			if (typeof item === "object") checkDuplicates(report, item, [...path, i]);
		return;
	}
	const lists: [string, unknown[]][] = [];
	for (const [name, child] of Object.entries(value)) {
		if (typeof child !== "object" || child === null) continue;
		checkDuplicates(report, child, [...path, name]);
		if (Array.isArray(child) && !repeating.has(name)) lists.push([name, child]);
	}
	const seen = new Map<string, Set<string>>();
	for (const [name, list] of lists.sort(([a], [b]) => (a < b ? -1 : 1))) {
		const group = shared[name] ?? name;
		const keys = seen.get(group) ?? new Set<string>();
		seen.set(group, keys);
		for (const [i, item] of list.entries()) {
			const key = keyOf(name, item);
			if (keys.has(key)) report.error([...path, name, i], messages.duplicate);
			keys.add(key);
		}
	}
}
