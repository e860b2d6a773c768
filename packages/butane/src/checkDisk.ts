import { messages } from "./errors.ts";
import { checkPath } from "./hostPath.ts";
import { type Fields, isFields } from "./merge.ts";
import type { Path, Report } from "./report.ts";
import { text } from "./walk.ts";

/** A disk and its partitions, each and all together. */
export function checkDisk(report: Report, disk: Fields, path: Path): void {
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
	checkPath(report, [...path, "device"], device);
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
