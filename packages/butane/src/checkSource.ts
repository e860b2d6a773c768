import { messages } from "./errors.ts";
import { looksDecimal } from "./mode.ts";
import type { Path, Report } from "./report.ts";
import type { Fcos, Resource } from "./schema.ts";
import { type Ignition, validate } from "./validate.ts";
import { minor, versions } from "./versions.ts";

type Note = (path: Path, message: string) => void;

/** Checks what Butane adds to Ignition, before anything is translated. */
export function checkSource(document: Fcos, report: Report, at: Locate): void {
	const error: Note = (path, message) => report.error(path, message, at(path));
	const warn: Note = (path, message) => report.warn(path, message, at(path));
	for (const [path, resource] of resourcesOf(document)) {
		const given = (["local", "inline", "source"] as const).filter(
			(key) => resource[key] !== undefined,
		);
		// 1.0.0 names the inline contents, later versions the last of the three.
		const named = minor(document.version) === 0 ? "inline" : given.at(-1);
		if (given.length > 1)
			error([...path, named ?? ""], messages.tooManySources);
		else if (path[1] === "config" && resource.inline !== undefined)
			checkInner(resource.inline, path, document, { error, warn });
	}
	checkStorage(document, error, warn);
	for (const [i, unit] of (document.systemd?.units ?? []).entries()) {
		const path: Path = ["systemd", "units", i];
		const twice = (from: typeof unit | undefined, here: Path) => {
			if (from?.contents !== undefined && from.contents_local !== undefined)
				error([...here, "contents_local"], messages.tooManyUnitSources);
		};
		twice(unit, path);
		for (const [j, dropin] of (unit.dropins ?? []).entries())
			twice(dropin, [...path, "dropins", j]);
	}
	checkBootDevice(document, error, warn);
	for (const [i, user] of (document.grub?.users ?? []).entries()) {
		const path: Path = ["grub", "users", i];
		if (!user.name) error([...path, "name"], messages.grubName);
		if (!user.password_hash)
			error([...path, "password_hash"], messages.grubPassword);
	}
}

/** An Ignition configuration inside this one: checked if it is of the version that this one becomes. */
function checkInner(
	inline: string,
	path: Path,
	document: Fcos,
	note: { error: Note; warn: Note },
): void {
	let inner: Ignition;
	try {
		inner = JSON.parse(inline);
	} catch {
		note.error([...path, "inline"], messages.notJson);
		return;
	}
	const version = inner?.ignition?.version;
	if (typeof version !== "string")
		note.error([...path, "inline"], messages.notJson);
	else if (version !== versions[document.version])
		note.warn([...path, "version"], messages.innerVersion);
	else
		for (const found of validate(inner).problems)
			note[found.severity === "error" ? "error" : "warn"](
				found.path,
				found.message,
			);
}

export type Locate = (
	path: Path,
) => { line: number; column: number } | undefined;

function checkStorage(document: Fcos, error: Note, warn: Note): void {
	const { storage = {}, boot_device: boot } = document;
	const strict = minor(document.version) >= 6;
	for (const kind of ["files", "directories"] as const)
		for (const [i, { mode }] of (storage[kind] ?? []).entries())
			if (mode !== undefined && looksDecimal(mode, kind === "directories"))
				warn(["storage", kind, i, "mode"], messages.decimalMode);
	for (const [i, fs] of (storage.filesystems ?? []).entries()) {
		if (!fs.with_mount_unit) continue;
		const path: Path = ["storage", "filesystems", i];
		const swap = minor(document.version) >= 4 && fs.format === "swap";
		if (!fs.format) error([...path, "format"], messages.mountNoFormat);
		// Up to 1.3.0 both problems are told, from 1.4.0 on the first.
		if (!fs.path && !swap && (fs.format || minor(document.version) < 4))
			error([...path, "path"], messages.mountNoPath);
		if (strict && fs.path !== undefined && !/^\/(etc|var)(\/|$)/.test(fs.path))
			error([...path, "path"], messages.mountForbidden);
	}
	for (const [i, tree] of (storage.trees ?? []).entries())
		if (!tree.local) error(["storage", "trees", i], messages.treeNoLocal);
	const mirrored = new Set(boot?.mirror?.devices);
	for (const [i, disk] of strict ? (storage.disks ?? []).entries() : []) {
		const device = disk.device ?? "";
		if (device === bootDisk || disk.wipe_table || mirrored.has(device))
			continue;
		for (const [p, partition] of (disk.partitions ?? []).entries())
			if (!partition.number && partition.label !== undefined)
				warn(
					["storage", "disks", i, "partitions", p, "number"],
					messages.reuseByLabel,
				);
	}
}

const bootDisk = "/dev/disk/by-id/coreos-boot-disk";
const common = ["aarch64", "ppc64le", "x86_64"];
const s390x = ["s390x-eckd", "s390x-virt", "s390x-zfcp"];
const deviceNames: Record<string, RegExp> = {
	"s390x-eckd": /\/dev\/dasd[a-z]$/,
	"s390x-zfcp": /\/dev\/sd[a-z]$/,
};

function checkBootDevice(document: Fcos, error: Note, warn: Note): void {
	const { layout, luks, mirror } = document.boot_device ?? {};
	const version = minor(document.version);
	const mirrors = mirror?.devices?.length ?? 0;
	const here = (...path: string[]): Path => ["boot_device", ...path];
	const layouts = [...common, ...(version >= 6 ? s390x : [])].sort();
	const mainframe = layout?.startsWith("s390x") ?? false;
	if (mirrors === 1) error(here("mirror", "devices"), messages.mirrorTooFew);
	if (mirrors > 0 && layout === undefined)
		(version >= 7 ? error : warn)(here("mirror"), messages.mirrorLayout);
	if (layout !== undefined && !layouts.includes(layout))
		error(here("layout"), messages.layout(layouts));
	if (version < 6) return;
	const name = deviceNames[layout ?? ""];
	if (name && !luks?.device) error(here("layout"), messages.luksNoDevice);
	else if (name && !name.test(luks?.device ?? ""))
		error(here("layout"), messages.luksDeviceName);
	if (mainframe && mirrors > 0) error(here("layout"), messages.mirrorS390);
	const tang = luks?.tang ?? [];
	if (luks?.cex?.enabled) {
		if (layout === undefined) error(here("luks", "cex"), messages.cexLayout);
		else if (!mainframe) error(here("layout"), messages.cexLayout);
		if (tang.length > 0 || luks.tpm2)
			error(here("luks"), messages.cexWithClevis);
	}
	const method =
		luks?.tpm2 ||
		luks?.cex?.enabled ||
		tang.some((t) => t.url || t.thumbprint !== undefined || t.advertisement);
	if (version >= 7 && luks?.device && !method)
		error(here("luks"), messages.luksNoMethod);
}

/** Every resource of a document and where it stands. */
function* resourcesOf(document: Fcos): Generator<[Path, Resource]> {
	const { config, security } = document.ignition ?? {};
	for (const [i, r] of (config?.merge ?? []).entries())
		yield [["ignition", "config", "merge", i], r];
	if (config?.replace)
		yield [["ignition", "config", "replace"], config.replace];
	for (const [i, r] of (security?.tls?.certificate_authorities ?? []).entries())
		yield [["ignition", "security", "tls", "certificate_authorities", i], r];
	for (const [i, file] of (document.storage?.files ?? []).entries()) {
		const path: Path = ["storage", "files", i];
		if (file.contents) yield [[...path, "contents"], file.contents];
		for (const [j, r] of (file.append ?? []).entries())
			yield [[...path, "append", j], r];
	}
	for (const [i, luks] of (document.storage?.luks ?? []).entries())
		if (luks.key_file)
			yield [["storage", "luks", i, "key_file"], luks.key_file];
}
