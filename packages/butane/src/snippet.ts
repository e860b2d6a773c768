import { lineOf, type Problem } from "./report.ts";

/* A line of a minified document would fill the screen. */
const widest = 160;

/** Shows a problem with the line of the text that it is about. */
export function withSource(source: Uint8Array): (problem: Problem) => string {
	const lines = new TextDecoder().decode(source).split(/\r?\n/);
	return (problem) => {
		const { position } = problem;
		const text = position && lines[position.line - 1];
		if (!text || text.length > widest) return lineOf(problem);
		const number = `${position.line} | `;
		// Tabs stay tabs, so that the mark stands under its character.
		const before = text.slice(0, position.column - 1).replace(/[^\t]/g, " ");
		return [
			lineOf(problem),
			`${number}${text}`,
			`${" ".repeat(number.length)}${before}^`,
		].join("\n");
	};
}
