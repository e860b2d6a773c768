import type { Position } from "./report.ts";

/** Finds the line of an offset. The index is made when it is first asked for: most documents have no problem to place. */
export class Lines {
	readonly #text: string;
	#starts: Uint32Array | undefined;

	constructor(text: string) {
		this.#text = text;
	}

	position(offset: number): Position {
		this.#starts ??= lineStarts(this.#text);
		let [low, high] = [0, this.#starts.length - 1];
		while (low < high) {
			const middle = Math.ceil((low + high) / 2);
			if ((this.#starts[middle] ?? 0) <= offset) low = middle;
			else high = middle - 1;
		}
		return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
	}
}

function lineStarts(text: string): Uint32Array {
	let count = 1;
	for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1))
		count++;
	const starts = new Uint32Array(count);
	let line = 1;
	for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1))
		starts[line++] = i + 1;
	return starts;
}
