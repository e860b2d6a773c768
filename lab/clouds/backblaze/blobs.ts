import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type { World } from "../cloud.ts";

/** Bytes that lie synced in a temporary file, with the digests that B2 and S3 report. */
export interface Staged {
	readonly file: string;
	readonly size: number;
	readonly sha1: string;
	readonly md5: string;
	readonly sha256: string;
}

/** One stretch of an object: `size` bytes of the blob with this SHA-256. */
export interface Piece {
	readonly sha256: string;
	readonly size: number;
}

/** Files on disk named by their SHA-256; an upload is streamed, synced, and only then renamed to its name. */
export class Blobs {
	readonly #dir: string;
	readonly #incoming: string;
	readonly #world: World;

	constructor(world: World, dir: string) {
		this.#world = world;
		this.#dir = path.join(dir, "blobs");
		this.#incoming = path.join(dir, "incoming");
		// What a killed run left half written belongs to nobody.
		fs.rmSync(this.#incoming, { recursive: true, force: true });
		fs.mkdirSync(this.#incoming, { recursive: true });
		fs.mkdirSync(this.#dir, { recursive: true });
	}

	/** Streams bytes to disk and syncs them. The caller adopts or discards the result. */
	async stage(source: AsyncIterable<Uint8Array>): Promise<Staged> {
		const file = path.join(this.#incoming, this.#world.random(16));
		const [sha1, md5, sha256] = [
			createHash("sha1"),
			createHash("md5"),
			createHash("sha256"),
		];
		let size = 0;
		const handle = await fs.promises.open(file, "wx");
		try {
			for await (const chunk of source) {
				sha1.update(chunk);
				md5.update(chunk);
				sha256.update(chunk);
				await handle.appendFile(chunk);
				size += chunk.length;
			}
			await handle.sync();
		} catch (error) {
			fs.rmSync(file, { force: true });
			throw error;
		} finally {
			await handle.close();
		}
		return {
			file,
			size,
			sha1: sha1.digest("hex"),
			md5: md5.digest("hex"),
			sha256: sha256.digest("hex"),
		};
	}

	/** Gives staged bytes their final name. Synchronous, so nothing can remove them before the index knows them. */
	adopt(staged: Staged): void {
		const target = this.#path(staged.sha256);
		fs.mkdirSync(path.dirname(target), { recursive: true });
		fs.renameSync(staged.file, target);
		const dir = fs.openSync(path.dirname(target), "r");
		fs.fsyncSync(dir);
		fs.closeSync(dir);
	}

	/** Throws staged bytes away. */
	discard(staged: Staged): void {
		fs.rmSync(staged.file, { force: true });
	}

	/** Removes a blob that nothing refers to any more. */
	remove(sha256: string): void {
		fs.rmSync(this.#path(sha256), { force: true });
	}

	/** Bytes `start`…`end` (inclusive) of an object that consists of these pieces. */
	async *read(
		pieces: readonly Piece[],
		start: number,
		end: number,
	): AsyncGenerator<Uint8Array> {
		let offset = 0;
		for (const piece of pieces) {
			const from = Math.max(start - offset, 0);
			const to = Math.min(end - offset, piece.size - 1);
			if (from <= to)
				for await (const chunk of fs.createReadStream(
					this.#path(piece.sha256),
					{ start: from, end: to },
				))
					yield chunk as Uint8Array;
			offset += piece.size;
		}
	}

	#path(sha256: string): string {
		return path.join(this.#dir, sha256.slice(0, 2), sha256);
	}
}
