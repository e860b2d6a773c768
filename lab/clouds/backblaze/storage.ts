import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { World } from "../cloud.ts";
import { Blobs, type Staged } from "./blobs.ts";
import {
	type Bucket,
	BucketRow,
	FileRow,
	type FileVersion,
	type Key,
	KeyRow,
	type Part,
	PartRow,
	type Retention,
	schema,
	type Token,
	TokenRow,
} from "./model.ts";

/** What an upload says about itself. */
export interface Upload {
	readonly name: string;
	readonly type: string;
	readonly info: Record<string, string>;
	readonly retention?: Retention | undefined;
	readonly hold?: boolean | undefined;
}

const dayMs = 86_400_000;

/**
 * Buckets, keys, tokens and file versions of all accounts: an SQLite index (WAL, synced on commit) beside content-addressed
 * bytes. Knows nothing of HTTP or of who may do what.
 */
export class Storage {
	readonly blobs: Blobs;
	readonly world: World;
	readonly #db: DatabaseSync;

	constructor(world: World) {
		this.world = world;
		const dir = path.join(world.stateDir, "backblaze");
		fs.mkdirSync(dir, { recursive: true });
		this.#db = new DatabaseSync(path.join(dir, "index.db"));
		this.#db.exec("pragma journal_mode = wal; pragma synchronous = full");
		this.#db.exec(schema);
		this.blobs = new Blobs(world, dir);
	}

	close(): void {
		this.#db.close();
	}

	/** Runs `work` as one transaction: all of it or nothing is on disk. */
	atomically<T>(work: () => T): T {
		this.#db.exec("begin immediate");
		try {
			const result = work();
			this.#db.exec("commit");
			return result;
		} catch (error) {
			this.#db.exec("rollback");
			throw error;
		}
	}

	/** A number of that name, one higher at each call. */
	count(name: string): number {
		const row = this.#db
			.prepare(
				"insert into counters values (?, 1) on conflict do update set value = value + 1 returning value",
			)
			.get(name);
		return Number(row?.value);
	}

	bucket(id: string): Bucket | undefined {
		const row = this.#db.prepare("select * from buckets where id = ?").get(id);
		return row && BucketRow.parse(row);
	}

	bucketNamed(name: string): Bucket | undefined {
		const row = this.#db
			.prepare("select * from buckets where name = ?")
			.get(name);
		return row && BucketRow.parse(row);
	}

	buckets(account: string): Bucket[] {
		return this.#db
			.prepare("select * from buckets where account = ? order by name")
			.all(account)
			.map((row) => BucketRow.parse(row));
	}

	saveBucket(bucket: Bucket): void {
		this.#db
			.prepare(
				"insert or replace into buckets values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			)
			.run(
				bucket.id,
				bucket.account,
				bucket.name,
				bucket.type,
				JSON.stringify(bucket.info),
				JSON.stringify(bucket.cors),
				JSON.stringify(bucket.lifecycle),
				Number(bucket.locked),
				JSON.stringify(bucket.retention),
				JSON.stringify(bucket.encryption),
				bucket.revision,
			);
	}

	/** Removes a bucket; false where it still holds a version of anything. */
	removeBucket(id: string): boolean {
		if (
			this.#db.prepare("select 1 from files where bucket = ? limit 1").get(id)
		)
			return false;
		this.#db.prepare("delete from buckets where id = ?").run(id);
		return true;
	}

	key(id: string): Key | undefined {
		const row = this.#db.prepare("select * from keys where id = ?").get(id);
		return row && KeyRow.parse(row);
	}

	/** Application keys of an account in the order of their ids, without the master key. */
	keys(account: string): Key[] {
		return this.#db
			.prepare(
				"select * from keys where account = ? and master = 0 order by id",
			)
			.all(account)
			.map((row) => KeyRow.parse(row));
	}

	/** Application keys of all accounts, without the master keys. */
	allKeys(): Key[] {
		return this.#db
			.prepare("select * from keys where master = 0 order by id")
			.all()
			.map((row) => KeyRow.parse(row));
	}

	saveKey(key: Key): void {
		this.#db
			.prepare(
				"insert or replace into keys values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			)
			.run(
				key.id,
				key.account,
				key.name,
				key.secret,
				JSON.stringify(key.capabilities),
				JSON.stringify(key.buckets),
				key.prefix,
				key.expires,
				Number(key.master),
				Number(key.multi),
			);
	}

	removeKey(id: string): void {
		this.#db.prepare("delete from keys where id = ?").run(id);
	}

	token(token: string): Token | undefined {
		const row = this.#db
			.prepare("select * from tokens where token = ?")
			.get(token);
		return row && TokenRow.parse(row);
	}

	saveToken(token: Token): void {
		this.#db
			.prepare("insert into tokens values (?, ?, ?, ?, ?, ?, ?)")
			.run(
				token.token,
				token.kind,
				token.key,
				token.bucket,
				token.file,
				token.prefix,
				token.expires,
			);
	}

	file(id: string): FileVersion | undefined {
		const row = this.#db.prepare("select * from files where id = ?").get(id);
		return row && FileRow.parse(row);
	}

	/** The newest version of a name, a hide marker included; unfinished large files do not count. */
	newest(bucket: string, name: string): FileVersion | undefined {
		const row = this.#db
			.prepare(
				"select * from files where bucket = ? and name = ? and action != 'start' order by uploaded desc, seq desc limit 1",
			)
			.get(bucket, name);
		return row && FileRow.parse(row);
	}

	/** All versions, by name and newest first within a name, from `start` on, below `prefix`. */
	*versions(
		bucket: string,
		prefix = "",
		start = "",
	): Generator<FileVersion, void, undefined> {
		const rows = this.#db
			.prepare(
				"select * from files where bucket = ?1 and name >= ?2 and name >= ?3 and substr(name, 1, length(?3)) = ?3 order by name, uploaded desc, seq desc",
			)
			.all(bucket, start, prefix);
		for (const row of rows) yield FileRow.parse(row);
	}

	/** Adds a version whose content is staged; a hide marker or unfinished large file has none. */
	addVersion(
		bucket: Bucket,
		action: FileVersion["action"],
		upload: Upload,
		content?: Staged,
		uploaded = this.world.clock.now(),
	): FileVersion {
		if (content) this.blobs.adopt(content);
		return this.atomically(() => {
			const id = this.#fileId(bucket.id, uploaded);
			const retention =
				upload.retention ?? defaultRetention(bucket, action, uploaded);
			this.#db
				.prepare(
					"insert into files (id, bucket, name, action, size, sha1, etag, type, info, uploaded, retention, hold) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
				)
				.run(
					id,
					bucket.id,
					upload.name,
					action,
					content?.size ?? 0,
					content?.sha1 ?? null,
					content?.md5 ?? null,
					upload.type,
					JSON.stringify(upload.info),
					uploaded,
					JSON.stringify(retention),
					Number(upload.hold ?? false),
				);
			if (content) this.#savePart(id, 1, content, uploaded);
			return this.#existing(id);
		});
	}

	/** Adds or replaces a part of an unfinished large file. */
	addPart(file: string, number: number, content: Staged): Part {
		this.blobs.adopt(content);
		const old = this.parts(file).find((part) => part.number === number);
		this.#savePart(file, number, content, this.world.clock.now());
		if (old) this.#sweep([old]);
		return {
			number,
			size: content.size,
			sha1: content.sha1,
			md5: content.md5,
			sha256: content.sha256,
			uploaded: this.world.clock.now(),
		};
	}

	/** The parts that a file consists of, in their order. */
	parts(file: string): Part[] {
		return this.#db
			.prepare(
				"select number, sha256, size, sha1, md5, uploaded from parts where file = ? order by number",
			)
			.all(file)
			.map((row) => PartRow.parse(row));
	}

	/** Turns an unfinished large file into a version made of `parts`; parts not named are dropped. */
	finish(file: FileVersion, parts: readonly Part[], etag: string): FileVersion {
		const kept = new Set(parts.map((part) => part.number));
		const dropped = this.parts(file.id).filter((p) => !kept.has(p.number));
		const result = this.atomically(() => {
			for (const part of dropped)
				this.#db
					.prepare("delete from parts where file = ? and number = ?")
					.run(file.id, part.number);
			this.#db
				.prepare(
					"update files set action = 'upload', size = ?, etag = ? where id = ?",
				)
				.run(
					parts.reduce((sum, part) => sum + part.size, 0),
					etag,
					file.id,
				);
			return this.#existing(file.id);
		});
		this.#sweep(dropped);
		return result;
	}

	saveLock(file: FileVersion, retention: Retention, hold: boolean): void {
		this.#db
			.prepare("update files set retention = ?, hold = ? where id = ?")
			.run(JSON.stringify(retention), Number(hold), file.id);
	}

	/** Deletes a version for good, with bytes that nothing else refers to. Who may is the caller's business. */
	deleteVersion(file: FileVersion): void {
		const parts = this.parts(file.id);
		this.atomically(() => {
			this.#db.prepare("delete from parts where file = ?").run(file.id);
			this.#db.prepare("delete from files where id = ?").run(file.id);
		});
		this.#sweep(parts);
	}

	/** Whether retention or a legal hold forbids deletion now. */
	isLocked(file: FileVersion, bypassGovernance: boolean): boolean {
		if (file.hold) return true;
		const { mode, retainUntilTimestamp } = file.retention;
		if (mode === null || (mode === "governance" && bypassGovernance))
			return false;
		return (retainUntilTimestamp ?? 0) > this.world.clock.now();
	}

	allBuckets(): Bucket[] {
		return this.#db
			.prepare("select * from buckets order by name")
			.all()
			.map((row) => BucketRow.parse(row));
	}

	#savePart(file: string, number: number, content: Staged, now: number): void {
		this.#db
			.prepare("insert or replace into parts values (?, ?, ?, ?, ?, ?, ?)")
			.run(
				file,
				number,
				content.sha256,
				content.size,
				content.sha1,
				content.md5,
				now,
			);
	}

	#sweep(parts: readonly Part[]): void {
		for (const { sha256 } of parts)
			if (
				!this.#db
					.prepare("select 1 from parts where sha256 = ? limit 1")
					.get(sha256)
			)
				this.blobs.remove(sha256);
	}

	#existing(id: string): FileVersion {
		return FileRow.parse(
			this.#db.prepare("select * from files where id = ?").get(id),
		);
	}

	/** A file id of B2's form: it names bucket, day and time. */
	#fileId(bucket: string, now: number): string {
		const [day = "", time = ""] = new Date(now)
			.toISOString()
			.replaceAll(/[-:]/g, "")
			.split("T");
		const serial = this.count("file").toString(16).padStart(16, "0");
		return `4_z${bucket}_f${serial}_d${day}_m${time.slice(0, 6)}_c004_v0402000_t0000_u${String(now).padStart(14, "0")}`;
	}
}

function defaultRetention(
	bucket: Bucket,
	action: FileVersion["action"],
	uploaded: number,
): Retention {
	const { mode, period } = bucket.retention;
	if (action === "hide" || !bucket.locked || mode === null || !period)
		return { mode: null, retainUntilTimestamp: null };
	const length = period.duration * (period.unit === "years" ? 365 : 1) * dayMs;
	return { mode, retainUntilTimestamp: uploaded + length };
}
