import { posix } from "node:path";
import { messages } from "./errors.ts";
import type { FileEntry, FileSource } from "./files.ts";
import { type Fields, from } from "./merge.ts";
import type { Path } from "./report.ts";
import type { Fcos } from "./schema.ts";

type Encode = (bytes: Uint8Array, compression: string | undefined) => Fields;
type Tree = NonNullable<NonNullable<Fcos["storage"]>["trees"]>[number];
type Kind = "files" | "directories" | "links";

/** Adds the files of `storage.trees` to the storage section of an Ignition configuration, in place. */
export function addTrees(
	document: Fcos,
	storage: Fields,
	files: FileSource | undefined,
	encode: Encode,
	error: (path: Path, message: string) => void,
): void {
	const trees = document.storage?.trees ?? [];
	const nodes = new Nodes(storage);
	for (const [i, tree] of trees.entries()) {
		const path: Path = ["storage", "trees", i];
		if (!files?.list) {
			error(path, files ? messages.treeNoList : messages.noFiles);
			return;
		}
		try {
			for (const entry of files.list(tree.local ?? "")) {
				const problem = add(nodes, tree, entry, path, files, encode);
				if (problem) error(path, problem);
			}
		} catch (cause) {
			const why = cause instanceof Error ? cause.message : String(cause);
			error(path, messages.unreadable(tree.local ?? "", why));
		}
	}
}

/** Adds one entry; returns what is wrong with it. */
function add(
	nodes: Nodes,
	tree: Tree,
	entry: FileEntry,
	path: Path,
	files: FileSource,
	encode: Encode,
): string | undefined {
	const at = posix.join(tree.path || "/", entry.path).replace(/(.)\/$/, "$1");
	const owners: Fields = {};
	for (const key of ["user", "group"] as const)
		if (tree[key] && Object.keys(tree[key]).length > 0)
			owners[key] = { ...tree[key] };
	const create = () => from(path, { path: at, ...owners }, true);
	if (entry.kind === "directory") {
		if (tree.dir_mode === undefined && Object.keys(owners).length === 0) return;
		if (nodes.has(at)) return messages.nodeExists;
		nodes.add("directories", create()).mode = tree.dir_mode ?? 0o755;
		return;
	}
	if (entry.kind === "other") return messages.treeFileType;
	const kind = entry.kind === "file" ? "files" : "links";
	const existing = nodes.get(kind, at);
	if (!existing && nodes.has(at)) return messages.nodeExists;
	if (kind === "links") {
		if (existing?.target) return messages.nodeExists;
		const node = existing ?? nodes.add(kind, create());
		node.target = entry.target;
		return;
	}
	const contents = (existing?.contents ?? {}) as Fields;
	if (contents.source) return messages.nodeExists;
	const bytes = files.read(posix.join(tree.local ?? "", entry.path));
	const node = existing ?? nodes.add(kind, create());
	const given = contents.compression;
	node.contents = {
		...contents,
		...encode(bytes, typeof given === "string" ? given : undefined),
	};
	node.mode ??= tree.file_mode ?? (entry.executable ? 0o755 : 0o644);
	return;
}

/** The nodes of a storage section by their path. */
class Nodes {
	readonly #storage: Fields;
	readonly #known = new Map<string, [Kind, Fields]>();
	/* The lists that are copies already, so that the author's stay as they are. */
	readonly #own = new Set<Kind>();

	#list(kind: Kind): Fields[] {
		if (this.#own.has(kind)) return this.#storage[kind] as Fields[];
		this.#own.add(kind);
		const list = [...((this.#storage[kind] as Fields[] | undefined) ?? [])];
		this.#storage[kind] = list;
		return list;
	}

	constructor(storage: Fields) {
		this.#storage = storage;
		for (const kind of ["directories", "files", "links"] as const)
			for (const node of (storage[kind] as Fields[] | undefined) ?? [])
				this.#known.set(String(node.path), [kind, node]);
	}
	has(path: string): boolean {
		return this.#known.has(path);
	}
	get(kind: Kind, path: string): Fields | undefined {
		const [found, node] = this.#known.get(path) ?? [];
		return found === kind ? node : undefined;
	}
	add(kind: Kind, node: Fields): Fields {
		this.#list(kind).push(node);
		this.#known.set(String(node.path), [kind, node]);
		return node;
	}
}
