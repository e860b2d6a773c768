import { checkDevices, checkNodes, pathProblem } from "./checkStorage.ts";
import { messages } from "./errors.ts";
import { type Fields, isFields, keyOf, repeating } from "./merge.ts";
import { type Path, Report } from "./report.ts";
import { readUnit } from "./unitText.ts";
import { isDataUrl, parseUrl } from "./url.ts";
import { versions } from "./versions.ts";

/** An Ignition configuration as JSON: the `ignition` section is always there, the others where used. */
export type Ignition = { ignition: Fields & { version: string } } & Fields;

const unitName =
	/\.(service|socket|device|mount|automount|swap|target|path|timer|snapshot|slice|scope)$/;
const digestLength: Record<string, number> = { sha256: 64, sha512: 128 };
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
	for (const kind of ["directories", "files", "links"])
		each(storage[kind], ["storage", kind], (node, path) => {
			checkNode(report, node, path, minor);
			if (kind === "files") checkFile(report, node, path, minor);
		});
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

function checkNode(
	report: Report,
	node: Fields,
	path: Path,
	minor: number,
): void {
	const wrong = pathProblem(text(node.path));
	if (wrong) report.error([...path, "path"], wrong);
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

/** Checks a resource; false if its source is not one that Ignition of version 3.`minor` can fetch. */
export function checkResource(
	report: Report,
	resource: Fields,
	path: Path,
	minor: number,
	hashNeedsSource = true,
): boolean {
	const source = text(resource.source);
	if (resource.compression && resource.compression !== "gzip")
		report.error([...path, "compression"], messages.compression);
	const wrong = source === "" ? undefined : sourceProblem(source, minor);
	if (wrong) report.error([...path, "source"], wrong);
	const scheme = parseUrl(source)?.scheme;
	if (Array.isArray(resource.httpHeaders) && !isWeb(scheme))
		report.error([...path, "httpHeaders"], messages.headers);
	each(resource.httpHeaders, [...path, "httpHeaders"], (header, at) => {
		if (!header.name) report.error([...at, "name"], messages.headerName);
		if (header.value === "")
			report.error([...at, "value"], messages.headerValue);
	});
	checkHash(report, resource, path, minor, hashNeedsSource);
	return wrong === undefined;
}

function checkHash(
	report: Report,
	resource: Fields,
	path: Path,
	minor: number,
	needsSource: boolean,
): void {
	const hash = fields(resource.verification).hash;
	if (typeof hash !== "string") return;
	const at = [...path, "verification", "hash"];
	const [kind = "", sum] = hash.split(/-(.*)/s);
	if (needsSource && resource.source === undefined)
		report.error(at, messages.hashNoSource);
	if (sum === undefined) report.error(at, messages.hash);
	else if (
		!Object.hasOwn(digestLength, kind) ||
		(kind === "sha256" && minor === 0)
	)
		report.error(at, messages.hashKind);
	else if (Buffer.byteLength(sum) !== digestLength[kind])
		report.error(at, messages.hashSize);
}

const isWeb = (scheme: string | undefined): boolean =>
	scheme === "http" || scheme === "https";

/** What is wrong with a URL that Ignition of version 3.`minor` is to fetch, if anything. */
function sourceProblem(source: string, minor: number): string | undefined {
	const url = parseUrl(source);
	if (!url) return messages.url;
	const { scheme, query } = url;
	if (scheme === "data")
		return isDataUrl(source) ? undefined : messages.dataUrl;
	if (isWeb(scheme) || scheme === "tftp") return undefined;
	if (scheme === "gs" && minor >= 2) return undefined;
	if (scheme !== "s3" && (scheme !== "arn" || minor < 4))
		return messages.scheme;
	if (scheme === "arn" && !isS3Arn(source)) return messages.s3Arn;
	return new URLSearchParams(query).get("versionId") === ""
		? messages.s3Version
		: undefined;
}

function isS3Arn(source: string): boolean {
	const [, , service, , , ...resource] = source
		.split("?", 1)
		.join("")
		.split(":");
	const name = resource.join(":");
	const parts = name.split("/").length;
	return service === "s3" && parts >= (name.startsWith("accesspoint/") ? 3 : 2);
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

export const text = (value: unknown): string =>
	typeof value === "string" ? value : "";

const fields = (value: unknown): Fields => (isFields(value) ? value : {});

export function each(
	list: unknown,
	path: Path,
	visit: (item: Fields, path: Path) => void,
): void {
	if (!Array.isArray(list)) return;
	for (const [i, item] of list.entries()) visit(fields(item), [...path, i]);
}
