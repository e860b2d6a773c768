import assert from "node:assert/strict";

/** One thing that has to happen, as a pattern on a line of the timeline. */
export interface Step {
	/** The words of the design. */
	what: string;
	line: RegExp;
	/** It happens exactly once; else at least once after the step before it. */
	once?: boolean;
}

/** Asserts that the steps happened in this order. */
export function assertOrder(
	timeline: readonly string[],
	steps: readonly Step[],
): void {
	const shown = () => `\n${timeline.join("\n")}`;
	let at = -1;
	let before = "the start";
	for (const { what, line, once = false } of steps) {
		const all = [...timeline.keys()].filter((n) =>
			line.test(timeline[n] ?? ""),
		);
		if (once) assert.equal(all.length, 1, `${what}: once${shown()}`);
		const next = all.find((n) => n > at);
		assert.ok(next !== undefined, `${what}, after ${before}${shown()}`);
		at = next;
		before = what;
	}
}
