import { posix } from "node:path";
import { messages } from "./errors.ts";
import type { Path, Report } from "./report.ts";

/** What is wrong with a path of the host, if anything. */
export function pathProblem(path: string): string | undefined {
	if (path === "") return messages.noPath;
	if (!path.startsWith("/")) return messages.relativePath;
	const dirty = /\/\/|\/\.\.?(\/|$)|.\/$/s.test(path);
	return dirty ? messages.dirtyPath : undefined;
}

/** A path without what stands in it for nothing: `//`, `.`, `..` and a slash at the end. */
export const clean = (path: string): string => {
	const normal = posix.normalize(path);
	return normal.length > 1 && normal.endsWith("/")
		? normal.slice(0, -1)
		: normal;
};

/** Notes what is wrong with a path of the host. */
export function checkPath(report: Report, path: Path, value: string): void {
	const wrong = pathProblem(value);
	if (wrong) report.error(path, wrong);
}
