import type { Path, Position } from "./report.ts";

export type Positions = Map<string, Position>;

/* Beside the document rather than in it, so that a document stays plain data which an author may also write by hand. */
const known = new WeakMap<object, Positions>();

export const pathKey = (path: Path): string => path.join("\0");

export function remember(document: object, positions: Positions): void {
	known.set(document, positions);
}

/** Position of a path, or of its nearest ancestor that stands in the text; undefined for hand-written documents. */
export function positionOf(document: object, path: Path): Position | undefined {
	const positions = known.get(document);
	for (let n = path.length; positions && n >= 0; n--) {
		const found = positions.get(pathKey(path.slice(0, n)));
		if (found) return found;
	}
	return undefined;
}
