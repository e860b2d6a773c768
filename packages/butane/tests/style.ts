/** A value of a document before it has a form. Scalars are text as it stands in YAML. */
export type Tree =
	| { kind: "scalar"; text: string }
	| { kind: "list"; items: Tree[] }
	| { kind: "map"; entries: [string, Tree][] };

/* What stands behind a key, and what stands below it. */
type Written = { head: string; lines: string[] };

/** Writes a document in a style that a number decides: block or flow, block scalars, comments, anchors, aliases, merges. */
export class Style {
	#state: number;
	readonly #aliases: boolean;
	/* Names of the anchors set so far, by the key of their value: an alias mostly stands where it fits. */
	readonly #anchors = new Map<string, string[]>();
	#names = 0;

	constructor(seed: number) {
		this.#state = seed;
		this.#aliases = this.#chance(2);
	}

	write(entries: [string, Tree][]): string {
		return this.#map(entries, "")
			.map((line) => `${line}\n`)
			.join("");
	}

	#value(tree: Tree, key: string): Written {
		const kind = `${key} ${tree.kind}`;
		const alias = this.#aliases && this.#chance(3) && this.#anchor(kind);
		if (alias) return { head: `*${alias}`, lines: [] };
		const named = this.#aliases && this.#chance(2);
		const { head, lines } =
			this.#chance(tree.kind === "scalar" ? 4 : 3) || isEmpty(tree)
				? { head: this.#flow(tree, key), lines: [] }
				: this.#block(tree, key);
		if (!named) return { head, lines };
		const name = this.#name(kind);
		return { head: head ? `&${name} ${head}` : `&${name}`, lines };
	}

	#block(tree: Tree, key: string): Written {
		if (tree.kind === "map")
			return { head: "", lines: this.#map(tree.entries, key) };
		if (tree.kind === "list")
			return {
				head: "",
				lines: tree.items.flatMap((item) => this.#item(item, key)),
			};
		const text = tree.text.startsWith('"') ? JSON.parse(tree.text) : "";
		if (text === "") return { head: tree.text, lines: [] };
		const head = this.#pick(["|", "|-", "|+", ">", ">-"]);
		return { head, lines: text.replace(/\n$/, "").split("\n") };
	}

	#map(entries: [string, Tree][], key: string): string[] {
		const merged = this.#merge(key);
		const lines = entries.flatMap(([name, tree]) => {
			const { head, lines } = this.#value(tree, name);
			const list = tree.kind === "list" && lines[0]?.startsWith("- ");
			const by = list && this.#chance(2) ? 0 : this.#pick([1, 2, 4]);
			const comment = !/[|>"]/.test(head) && this.#chance(20) ? " # a" : "";
			return [
				`${name}:${head && ` ${head}`}${comment}`,
				...lines.map((line) => (line ? " ".repeat(by) + line : line)),
			];
		});
		if (!merged) return lines;
		return this.#chance(2) ? [merged, ...lines] : [...lines, merged];
	}

	#item(tree: Tree, key: string): string[] {
		const { head, lines } = this.#value(tree, key);
		const below = (line: string) => (line ? `  ${line}` : line);
		if (head) return [`- ${head}`, ...lines.map(below)];
		const [first, ...rest] = lines;
		return [`- ${first}`, ...rest.map(below)];
	}

	#flow(tree: Tree, key: string): string {
		if (tree.kind === "scalar") return tree.text;
		const one = (child: Tree, name: string): string => {
			const alias =
				this.#aliases &&
				this.#chance(4) &&
				this.#anchor(`${name} ${child.kind}`);
			if (alias) return `*${alias}`;
			const text = this.#flow(child, name);
			if (!this.#aliases || !this.#chance(4)) return text;
			return `&${this.#name(`${name} ${child.kind}`)} ${text}`;
		};
		if (tree.kind === "list")
			return `[${tree.items.map((item) => one(item, key)).join(", ")}]`;
		const merged = this.#merge(key);
		const entries = tree.entries.map(([k, v]) => `${k}: ${one(v, k)}`);
		return `{${[...entries, ...(merged ? [merged] : [])].join(", ")}}`;
	}

	#merge(key: string): string | undefined {
		if (!this.#aliases || !this.#chance(2)) return undefined;
		const one = this.#anchor(`${key} map`);
		const other = this.#anchor(`${key} map`);
		if (!one) return undefined;
		return this.#chance(2) ? `<<: *${one}` : `<<: [*${one}, *${other}]`;
	}

	/** Names what was just written; a name that is set anew stands for the new value. */
	#name(kind: string): string {
		const name = `n${this.#names++ % 9}`;
		for (const [k, names] of this.#anchors)
			this.#anchors.set(
				k,
				names.filter((n) => n !== name),
			);
		this.#anchors.set(kind, [...(this.#anchors.get(kind) ?? []), name]);
		return name;
	}

	#anchor(kind: string): string | undefined {
		const names = this.#anchors.get(kind);
		return names?.length ? this.#pick(names) : undefined;
	}

	#pick<T>(list: readonly T[]): T {
		return list[this.#next() % list.length] as T;
	}

	/** True once in `n` times. */
	#chance(n: number): boolean {
		return this.#next() % n === 0;
	}

	/* mulberry32 */
	#next(): number {
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return (t ^ (t >>> 14)) >>> 0;
	}
}

const isEmpty = (tree: Tree): boolean =>
	(tree.kind === "list" && tree.items.length === 0) ||
	(tree.kind === "map" && tree.entries.length === 0);
