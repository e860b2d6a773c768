import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Comparison, type Known, knownDifferences } from "./compare.ts";

/** Counts comparisons and says how they ended. */
export class Tally {
	#cases = 0;
	#accepted = 0;
	readonly #differences: string[] = [];
	readonly #known = new Map<Known, number>();

	add(name: string, { difference, known, ignition }: Comparison): void {
		this.#cases++;
		if (ignition) this.#accepted++;
		if (difference) this.#differences.push(`${difference}\nof ${name}`);
		for (const kind of known)
			this.#known.set(kind, (this.#known.get(kind) ?? 0) + 1);
	}

	/** Prints the counts with every known difference that was met; fails with the shortest of the others, if any. */
	finish(t: TestContext, what: string): void {
		const agreeing = this.#cases - this.#differences.length;
		t.diagnostic(
			`${agreeing} of ${this.#cases} ${what} agree, ${this.#accepted} of them accepted`,
		);
		for (const [kind, count] of this.#known)
			t.diagnostic(
				`known difference in ${count} of them: ${knownDifferences[kind]}`,
			);
		const shortest = this.#differences
			.sort((a, b) => a.length - b.length)
			.slice(0, 10);
		assert.equal(
			this.#differences.length,
			0,
			`${what} differ:\n${shortest.join("\n\n")}`,
		);
	}
}
