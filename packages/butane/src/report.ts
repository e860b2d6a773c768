/** Path of a value: mapping keys and list positions, from the root of the document. */
export type Path = readonly (string | number)[];

/** Where something stands in the YAML text; both count from 1. */
export type Position = { line: number; column: number };

export type Problem = {
	severity: "error" | "warning";
	message: string;
	/** The place in the document. */
	path: Path;
	position?: Position;
	/** The place in the Ignition, for what was found there. */
	output?: Path;
};

/** All problems found, in the order in which they were found. */
export class Report {
	readonly problems: Problem[] = [];
	/** True if nothing may be produced from the document. */
	get fatal(): boolean {
		return this.problems.some((p) => p.severity === "error");
	}
	error(path: Path, message: string, position?: Position): void {
		this.add("error", path, message, position);
	}
	warn(path: Path, message: string, position?: Position): void {
		this.add("warning", path, message, position);
	}
	add(
		severity: Problem["severity"],
		path: Path,
		message: string,
		position?: Position,
		output?: Path,
	): void {
		this.problems.push({
			severity,
			message,
			path,
			...(position && { position }),
			...(output && { output }),
		});
	}
	/** One line a problem, as the reference prints it. */
	toString(): string {
		return this.problems.map(lineOf).join("\n");
	}
}

/** A problem in one line. */
export function lineOf({ severity, path, position, message }: Problem): string {
	const place = ["$", ...path].join(".");
	const at = position ? `, line ${position.line} col ${position.column}` : "";
	return `${severity} at ${place}${at}: ${message}`;
}
