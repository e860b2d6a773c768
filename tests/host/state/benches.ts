import type { TestContext } from "node:test";

/** Runs work that was written for a test, outside of one, and cleans up after it. */
export async function withContext<T>(
	work: (t: TestContext) => Promise<T>,
): Promise<T> {
	const after: (() => unknown)[] = [];
	const t = { after: (f: () => unknown) => void after.push(f) };
	try {
		return await work(t as unknown as TestContext);
	} finally {
		for (const f of after.reverse()) await f();
	}
}

/** The value that this share of all does not exceed. */
export function quantile(values: readonly number[], share: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
