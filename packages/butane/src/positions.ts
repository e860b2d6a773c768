import { Lines } from "./lines.ts";
import type { Path, Position } from "./report.ts";
import { type Mapping, type Node, type Pair, target } from "./yaml.ts";

/** Where the paths of a document stand in its text. */
export class Places {
	readonly #lines: Lines;
	readonly #root: Node;
	readonly #pairs = new WeakMap<Mapping, Map<string, Pair>>();

	constructor(text: string, root: Node) {
		this.#lines = new Lines(text);
		this.#root = root;
	}

	/** Position of a path, or of its nearest ancestor that stands in the text. */
	find(path: Path): Position {
		let node: Node | undefined = this.#root;
		let at = node.at;
		for (const step of path) {
			if (!node) break;
			const here = target(node);
			if (here.kind === "sequence" && typeof step === "number") {
				node = here.items[step];
				at = node?.at ?? at;
			} else if (here.kind === "mapping" && typeof step === "string") {
				const pair = this.#pair(here, step);
				node = pair?.value;
				at = pair?.key.at ?? at;
			} else break;
		}
		return this.at(at);
	}

	at(offset: number): Position {
		return this.#lines.position(offset);
	}

	#pair(mapping: Mapping, key: string): Pair | undefined {
		let pairs = this.#pairs.get(mapping);
		if (!pairs) {
			pairs = new Map();
			for (const pair of mapping.pairs) {
				const node = target(pair.key);
				if (node.kind === "scalar") pairs.set(node.text, pair);
			}
			this.#pairs.set(mapping, pairs);
		}
		return pairs.get(key);
	}
}

/* Beside the document rather than in it, so that a document stays plain data which an author may also write by hand. */
const known = new WeakMap<object, Places>();

export function remember(document: object, places: Places): void {
	known.set(document, places);
}

/** Position of a path; undefined for hand-written documents. */
export function positionOf(document: object, path: Path): Position | undefined {
	return known.get(document)?.find(path);
}
