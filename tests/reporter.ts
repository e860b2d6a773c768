// Reporter of node's test runner for tests/run.ts: a line a file, each failure in full, each skip with its reason, each figure that a test tells, and
// at the end the counts as one line of JSON that tests/run.ts reads.
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/** What one run of the test runner counted. */
export interface Counts {
	passed: number;
	failed: number;
	skipped: number;
}

/** Begins the line with the counts. */
export const countsMark = "#counts ";

export default async function* report(
	source: AsyncIterable<TestEvent>,
): AsyncGenerator<string> {
	// The summary counts tests; a suite that is left out takes its tests with it uncounted.
	let suites = 0;
	for await (const { type, data } of source) {
		if (type === "test:pass" && isSuite(data) && data.skip !== undefined)
			suites += 1;
		if (type === "test:fail" && isOwnFailure(data.details.error))
			yield `\n  FAILED ${where(data)}\n${indent(describe(data.details.error))}\n\n`;
		else if (type === "test:pass" && data.skip !== undefined)
			yield `  skipped ${where(data)}: ${data.skip === true ? "no reason given" : data.skip}\n`;
		// What a test measured; the runner's own lines have no file.
		else if (type === "test:diagnostic" && data.file !== undefined)
			yield `  ${data.message}\n`;
		else if (type === "test:summary") yield* summary(data, suites);
	}
}

type Summary = Extract<TestEvent, { type: "test:summary" }>["data"];

function isSuite(data: { details: { type?: string } }): boolean {
	return data.details.type === "suite";
}

function* summary(
	{ counts, file, duration_ms }: Summary,
	suitesLeftOut: number,
): Generator<string> {
	const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
	if (file) {
		const time = `${(duration_ms / 1000).toFixed(1)} s`;
		yield `  ${failed === 0 ? "ok" : "FAILED"} ${relative("", file)} (${counts.tests} tests, ${time})\n`;
		return;
	}
	// A test marked "todo" is one that is left out.
	const result: Counts = {
		passed: counts.passed,
		failed,
		skipped: counts.skipped + counts.todo + suitesLeftOut,
	};
	yield `${countsMark}${JSON.stringify(result)}\n`;
}

function where(data: { name: string; file?: string; line?: number }): string {
	return data.file
		? `${relative("", data.file)}:${data.line} "${data.name}"`
		: data.name;
}

/** A suite fails because a test in it failed; only that test's failure is worth reading. */
function isOwnFailure(error: Error): boolean {
	return (error as { failureType?: string }).failureType !== "subtestsFailed";
}

function describe(error: Error): string {
	return inspect(error.cause ?? error, { depth: 6, breakLength: 120 });
}

function indent(text: string): string {
	return text.replaceAll(/^/gm, "    ");
}
