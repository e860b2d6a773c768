import assert from "node:assert/strict";

interface Result {
	status: number | null;
	stdout: string;
	stderr: string;
}

/** Its standard output, where the command succeeded. */
export function ok(result: Result): string {
	assert.equal(result.status, 0, result.stderr);
	return result.stdout;
}

/** The command failed and said this. */
export function refused(result: Result, sentence: RegExp): void {
	assert.notEqual(result.status, 0, "it succeeded");
	assert.match(result.stderr, sentence);
}

export const marker = "var/lib/moltbot/.restored";
export const state = "var/lib/moltbot/state";
