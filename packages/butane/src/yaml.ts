import {
	EVENT_ID,
	type Event,
	getScalarValue,
	parseEvents,
	SCALAR_STYLE,
	type ScalarEvent,
	YAMLException,
} from "js-yaml";
import { messages } from "./errors.ts";

/* What a document may cost. Far beyond anything honest within 8 MiB, and well within a second and 300 MB. */
const maxNodes = 250_000;
const maxDepth = 1000;

/** A part of a YAML text as it was written, nothing resolved. `at` is its offset in the text. */
export type Node = Scalar | Sequence | Mapping | Alias;
export type Scalar = {
	kind: "scalar";
	at: number;
	text: string;
	plain: boolean;
	/** Without the prefix of YAML's own tags: "int" for `!!int`. Undefined if none was written. */
	tag?: string;
};
export type Sequence = { kind: "sequence"; at: number; items: Node[] };
export type Mapping = { kind: "mapping"; at: number; pairs: Pair[] };
/** `text` is the name of the anchor. */
export type Alias = { kind: "alias"; at: number; text: string; target: Node };
export type Pair = { key: Node; value: Node };

/** What is wrong with a text, and where. */
export class YamlError extends Error {
	readonly at: number;
	constructor(message: string, at: number) {
		super(message);
		this.at = at;
	}
}

/**
 * The first document of a text, or undefined if there is none.
 *
 * @throws YamlError
 */
export function readYaml(text: string): Node | undefined {
	return new Builder(text, events(text)).document();
}

function events(text: string): Event[] {
	let nodes = 0;
	// js-yaml compares its depth with the limit at every node, which is the one place where it can be stopped.
	const limit = {
		valueOf() {
			if (++nodes > maxNodes)
				throw new YamlError(messages.tooManyValues(maxNodes), 0);
			return maxDepth;
		},
	} as unknown as number;
	try {
		return parseEvents(text, { maxDepth: limit });
	} catch (error) {
		if (!(error instanceof YAMLException)) throw error;
		const at = error.mark?.position ?? 0;
		const deep = error.reason.startsWith("nesting exceeded");
		const colon = /^:[,[\]{}]/.test(text.slice(at, at + 2));
		throw new YamlError(
			deep
				? messages.tooDeep
				: colon
					? messages.colonInFlow(error.reason)
					: error.reason,
			at,
		);
	}
}

/** Makes a tree of events. Without recursion, and aliases stay what they are, so its cost is that of the text. */
class Builder {
	readonly #text: string;
	readonly #events: Event[];
	readonly #anchors = new Map<string, Node>();
	readonly #open = new Set<Node>();

	constructor(text: string, events: Event[]) {
		this.#text = text;
		this.#events = events;
	}

	document(): Node | undefined {
		let root: Node | undefined;
		const open: (Sequence | Mapping)[] = [];
		const keys: (Node | undefined)[] = [];
		for (const event of this.#events) {
			if (event.type === EVENT_ID.DOCUMENT) {
				// Only the first document counts, as in the reference.
				if (root) break;
				continue;
			}
			if (event.type === EVENT_ID.POP) {
				const closed = open.pop();
				if (closed) this.#open.delete(closed);
				keys.pop();
				continue;
			}
			const parent = open.at(-1);
			const node = this.#node(event, parent?.at ?? 0);
			if (!parent) root = node;
			else if (parent.kind === "sequence") parent.items.push(node);
			else {
				const key = keys.pop();
				if (key) parent.pairs.push({ key, value: node });
				keys.push(key ? undefined : node);
			}
			if (node.kind === "sequence" || node.kind === "mapping") {
				open.push(node);
				this.#open.add(node);
				keys.push(undefined);
			}
		}
		return root;
	}

	#node(event: Exclude<Event, { type: 1 } | { type: 6 }>, near: number): Node {
		if (event.type === EVENT_ID.ALIAS) {
			const name = this.#text.slice(event.anchorStart, event.anchorEnd);
			const at = event.anchorStart - 1;
			const target = this.#anchors.get(name);
			if (!target) throw new YamlError(messages.unknownAnchor(name), at);
			if (this.#open.has(target))
				throw new YamlError(messages.anchorInItself(name), at);
			return { kind: "alias", at, text: name, target };
		}
		const node: Node =
			event.type === EVENT_ID.SCALAR
				? this.#scalar(event, near)
				: event.type === EVENT_ID.SEQUENCE
					? { kind: "sequence", at: event.start, items: [] }
					: { kind: "mapping", at: event.start, pairs: [] };
		if (event.anchorStart >= 0) {
			const name = this.#text.slice(event.anchorStart, event.anchorEnd);
			this.#anchors.set(name, node);
		}
		return node;
	}

	#scalar(event: ScalarEvent, near: number): Scalar {
		const plain = event.style === SCALAR_STYLE.PLAIN;
		const quoted =
			event.style === SCALAR_STYLE.SINGLE_QUOTED ||
			event.style === SCALAR_STYLE.DOUBLE_QUOTED;
		const tag =
			event.tagStart < 0
				? undefined
				: this.#text
						.slice(event.tagStart, event.tagEnd)
						.replace(/^!!|^!<tag:yaml\.org,2002:(.*)>$/, "$1");
		return {
			kind: "scalar",
			at: event.valueStart < 0 ? near : event.valueStart - (quoted ? 1 : 0),
			text: getScalarValue(this.#text, event),
			plain,
			...(tag !== undefined && { tag }),
		};
	}
}

/** The node itself, or what an alias stands for. */
export function target(node: Node): Exclude<Node, Alias> {
	let at = node;
	while (at.kind === "alias") at = at.target;
	return at;
}
