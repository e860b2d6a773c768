import { checkDisk } from "./checkDisk.ts";
import { checkLuks } from "./checkLuks.ts";
import { messages } from "./errors.ts";
import { checkPath } from "./hostPath.ts";
import type { Fields } from "./merge.ts";
import type { Path, Report } from "./report.ts";
import { each, text } from "./walk.ts";

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
		checkPath(report, [...path, "devices", i], text(device));
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
	if (fs.path) checkPath(report, [...path, "path"], text(fs.path));
	checkPath(report, [...path, "device"], text(fs.device));
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
