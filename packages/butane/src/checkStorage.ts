import { posix } from "node:path";
import { messages } from "./errors.ts";
import { type Fields, isFields } from "./merge.ts";
import type { Path, Report } from "./report.ts";
import { parseUrl } from "./url.ts";
import { checkResource, each, text } from "./validate.ts";

/** What is wrong with a path of the host, if anything. */
export function pathProblem(path: string): string | undefined {
	if (path === "") return messages.noPath;
	if (!path.startsWith("/")) return messages.relativePath;
	const dirty = /\/\/|\/\.\.?(\/|$)|.\/$/s.test(path);
	return dirty ? messages.dirtyPath : undefined;
}

const clean = (path: string): string => {
	const normal = posix.normalize(path);
	return normal.length > 1 && normal.endsWith("/")
		? normal.slice(0, -1)
		: normal;
};

/** Disks, RAID, filesystems and encrypted volumes of an Ignition configuration of version 3.`minor`. */
export function checkDevices(
	report: Report,
	storage: Fields,
	minor: number,
): void {
	const disks = new Map<string, Fields>();
	each(storage.disks, ["storage", "disks"], (disk, path) => {
		disks.set(text(disk.device), disk);
		checkDisk(report, disk, path);
	});
	each(storage.raid, ["storage", "raid"], (raid, path) =>
		checkRaid(report, raid, path),
	);
	each(storage.filesystems, ["storage", "filesystems"], (fs, path) => {
		checkFilesystem(report, fs, path, minor);
		const disk = disks.get(text(fs.device));
		if (!disk) return;
		if (Array.isArray(disk.partitions))
			report.warn([...path, "device"], messages.filesystemOverPartitions);
		else if (!fs.wipeFilesystem && disk.wipeTable)
			report.warn([...path, "device"], messages.filesystemWiped);
	});
	each(storage.luks, ["storage", "luks"], (luks, path) =>
		checkLuks(report, luks, path, minor),
	);
}

function checkDisk(report: Report, disk: Fields, path: Path): void {
	const device = text(disk.device);
	const partitions = Array.isArray(disk.partitions)
		? disk.partitions.filter(isFields)
		: [];
	const here: Path = [...path, "partitions"];
	for (const [i, partition] of partitions.entries())
		checkPartition(report, partition, [...here, i]);
	if (!device) {
		report.error([...path, "device"], messages.diskDevice);
		return;
	}
	problem(report, [...path, "device"], pathProblem(device));
	const numbers = repeated(partitions.map((p) => p.number || undefined));
	if (numbers !== undefined)
		report.error([...here, numbers], messages.numbersCollide);
	const overlap = overlapping(partitions);
	if (overlap !== undefined)
		report.error([...here, overlap], messages.partitionsOverlap);
	if (
		partitions.some((p) => !p.number) &&
		partitions.some((p) => p.shouldExist === false)
	)
		report.error(here, messages.zeroNonexistent);
	const labels = repeated(partitions.map((p) => p.label));
	if (labels !== undefined)
		report.error([...here, labels], messages.labelsCollide);
}

/** Position of the first value that stood there before. */
function repeated(values: unknown[]): number | undefined {
	const seen = new Set<unknown>();
	for (const [i, value] of values.entries()) {
		if (value !== undefined && seen.has(value)) return i;
		seen.add(value);
	}
	return undefined;
}

/* Thirty times what a partition table holds; every one is held against every other. */
const comparedPartitions = 4096;

/** Position of the first partition that another one runs into; only those with a start and a size count. */
function overlapping(partitions: Fields[]): number | undefined {
	if (partitions.length > comparedPartitions) return undefined;
	const spans = partitions.map(({ startMiB: start, sizeMiB: size }) =>
		typeof start === "number" && typeof size === "number" && start !== 0
			? { start, end: size === 0 ? start : start + size - 1 }
			: undefined,
	);
	for (const [n, a] of spans.entries())
		for (const [i, b] of spans.entries())
			if (a && b && n !== i && meet(a, b)) return i;
	return undefined;
}

type Span = { start: number; end: number };
const meet = (a: Span, b: Span): boolean =>
	(a.start >= b.start && a.start <= b.end) ||
	(a.end >= b.start && a.end <= b.end) ||
	(a.start < b.start && a.end > b.end);

const guid =
	/^([0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}|)$/;

function checkPartition(report: Report, p: Fields, path: Path): void {
	const { label } = p;
	if (
		p.shouldExist === false &&
		(label !== undefined ||
			p.typeGuid ||
			p.guid ||
			p.startMiB !== undefined ||
			p.sizeMiB !== undefined)
	)
		report.error(path, messages.nonexistentOthers);
	if (!p.number && label === undefined)
		report.error(path, messages.labelOrNumber);
	if (Buffer.byteLength(text(label)) > 36)
		report.error([...path, "label"], messages.labelTooLong);
	else if (text(label).includes(":"))
		report.error([...path, "label"], messages.labelColon);
	for (const key of ["guid", "typeGuid"])
		if (!guid.test(text(p[key]))) report.error([...path, key], messages.guid);
}

function checkRaid(report: Report, raid: Fields, path: Path): void {
	const level = text(raid.level);
	const at = [...path, "level"];
	if (!level) report.error(at, messages.raidLevelRequired);
	else if (/^(linear|raid0|0|stripe)$/.test(level)) {
		if (raid.spares) report.error(at, messages.raidSpares);
	} else if (
		!/^(raid1|1|mirror|raid4|4|raid5|5|raid6|6|raid10|10)$/.test(level)
	)
		report.error(at, messages.raidLevel);
	const devices = Array.isArray(raid.devices) ? raid.devices : [];
	if (devices.length === 0)
		report.error([...path, "devices"], messages.raidDevices);
	for (const [i, device] of devices.entries())
		problem(report, [...path, "devices", i], pathProblem(text(device)));
}

const labelSizes: Record<string, number> = {
	ext4: 16,
	btrfs: 256,
	xfs: 12,
	swap: 15,
	vfat: 11,
};

function checkFilesystem(
	report: Report,
	fs: Fields,
	path: Path,
	minor: number,
): void {
	const [format, label] = [text(fs.format), text(fs.label)];
	if (fs.path) problem(report, [...path, "path"], pathProblem(text(fs.path)));
	problem(report, [...path, "device"], pathProblem(text(fs.device)));
	const others = ["path", "label", "uuid", "wipeFilesystem"];
	if (!format) {
		if (others.some((key) => fs[key]) || fs.options || fs.mountOptions)
			report.error([...path, "format"], messages.formatMissing);
	} else if (
		!Object.hasOwn(labelSizes, format) &&
		!(format === "none" && minor >= 3)
	)
		report.error([...path, "format"], messages.filesystemFormat);
	if (!label) return;
	const most = Object.hasOwn(labelSizes, format)
		? labelSizes[format]
		: undefined;
	if (!format) report.error([...path, "label"], messages.labelNeedsFormat);
	else if (most !== undefined && Buffer.byteLength(label) > most)
		report.error([...path, "label"], messages.filesystemLabel(most, format));
}

function checkLuks(
	report: Report,
	luks: Fields,
	path: Path,
	minor: number,
): void {
	const at = (...rest: (string | number)[]): Path => [...path, ...rest];
	if (text(luks.name).includes("/"))
		report.error(at("name"), messages.luksSlash);
	if (Buffer.byteLength(text(luks.label)) > 47)
		report.error(at("label"), messages.luksLabel);
	if (!luks.device) report.error(at("device"), messages.diskDevice);
	else problem(report, at("device"), pathProblem(text(luks.device)));
	const key = isFields(luks.keyFile) ? luks.keyFile : {};
	if (!checkResource(report, key, at("keyFile"), minor))
		report.error(at("keys"), messages.luksKeyFile);
	const clevis = isFields(luks.clevis) ? luks.clevis : {};
	const others = Array.isArray(clevis.tang) || clevis.tpm2 || clevis.threshold;
	const custom = isFields(clevis.custom) ? clevis.custom : undefined;
	if (others && (custom?.pin || (custom && minor < 3)))
		report.error(at("clevis"), messages.clevisCustom);
	if (isFields(luks.cex) && luks.cex.enabled) {
		if (others || custom?.pin) report.error(at("cex"), messages.cexWithClevis);
		if (key.source) report.error(at("cex"), messages.cexWithKeyFile);
	}
	each(clevis.tang, at("clevis", "tang"), (tang, here) => {
		const scheme = parseUrl(text(tang.url))?.scheme;
		if (scheme === undefined) report.error([...here, "url"], messages.url);
		else if (scheme !== "http" && scheme !== "https")
			report.error([...here, "url"], messages.scheme);
		if (!tang.thumbprint)
			report.error([...here, "thumbprint"], messages.tangThumbprint);
		if (tang.advertisement && !isJson(text(tang.advertisement)))
			report.error([...here, "advertisement"], messages.tangAdvertisement);
	});
	if (
		!custom ||
		(!custom.pin && !custom.config && !(minor >= 3 && custom.needsNetwork))
	)
		return;
	const pin = text(custom.pin);
	if (minor < 6 && (pin || minor < 3) && !/^(tpm2|tang|sss)$/.test(pin))
		report.error(at("clevis", "custom", "pin"), messages.clevisPinUnknown);
	else if (!pin)
		report.error(at("clevis", "custom", "pin"), messages.clevisPin);
	if (!custom.config)
		report.error(at("clevis", "custom", "config"), messages.clevisConfig);
}

function isJson(value: string): boolean {
	try {
		JSON.parse(value);
		return true;
	} catch {
		return false;
	}
}

function problem(report: Report, path: Path, found: string | undefined): void {
	if (found) report.error(path, found);
}

/** Files, directories and links: what they are to each other and to units. */
export function checkNodes(
	report: Report,
	config: Fields,
	minor: number,
): void {
	const storage = isFields(config.storage) ? config.storage : {};
	const list = (kind: string): Fields[] =>
		Array.isArray(storage[kind]) ? storage[kind].filter(isFields) : [];
	const links = list("links");
	const unitFiles = new Set<string>();
	each(isFields(config.systemd) ? config.systemd.units : [], [], (unit) => {
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
