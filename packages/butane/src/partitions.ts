import { messages } from "./errors.ts";
import { type Fields, isFields } from "./merge.ts";
import { type Path, Report } from "./report.ts";
import { minor } from "./versions.ts";

/* The operating system's own partitions and their numbers. */
const reserved: Record<string, number> = {
	"BIOS-BOOT": 1,
	"PowerPC-PReP-boot": 1,
	"EFI-SYSTEM": 2,
	boot: 3,
	root: 4,
};
const rootMiB = 8192;

/** What is doubtful about partitions on Fedora CoreOS. Paths are those of the Ignition. */
export function partitionWarnings(config: Fields, version: string): Report {
	const report = new Report();
	const storage = isFields(config.storage) ? config.storage : {};
	for (const [i, disk] of ((storage.disks ?? []) as Fields[]).entries()) {
		const partitions = (disk.partitions ?? []) as Fields[];
		const unplaced = partitions.filter(({ startMiB }) => !startMiB).length;
		for (const [p, part] of partitions.entries()) {
			const { label, number, sizeMiB, startMiB } = part;
			const path: Path = ["storage", "disks", i, "partitions", p];
			if (label === "root" && minor(version) >= 3) {
				if (!sizeMiB) {
					if (unplaced > (startMiB ? 0 : 1))
						report.warn([...path, "label"], messages.rootConstrained);
				} else if (typeof sizeMiB === "number" && sizeMiB < rootMiB)
					report.warn([...path, "sizeMiB"], messages.rootTooSmall);
			}
			const wanted =
				typeof label === "string" && Object.hasOwn(reserved, label)
					? reserved[label]
					: undefined;
			if (wanted !== undefined && number !== wanted && !disk.wipeTable)
				report.warn([...path, "label"], messages.partitionNumber);
		}
	}
	return report;
}
