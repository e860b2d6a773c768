// A busy agent: node writer.ts <folder> <seed> [files|in-place]. It keeps an SQLite database busy (every commit synced, then noted in a synced log),
// and makes, changes, moves, links and removes files; with "files" it does only that, without a pause; with "in-place" no
// folder moves, as with an agent that is no test. It runs until it is killed.
import {
	closeSync,
	fsyncSync,
	linkSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const [, , folder = "", seed = "1", only = ""] = process.argv;
let state = Number(seed) || 1;
/** 0 ≤ n < limit; xorshift, so that a seed is a run. */
function random(limit: number): number {
	state ^= state << 13;
	state ^= state >>> 17;
	state ^= state << 5;
	return (state >>> 0) % limit;
}

const database = new DatabaseSync(join(folder, "busy.sqlite"));
database.exec(
	"pragma journal_mode=wal; pragma synchronous=full; create table if not exists entry (n integer primary key, text text)",
);
const old = new DatabaseSync(join(folder, "journal.sqlite"));
old.exec(
	"pragma journal_mode=delete; pragma synchronous=full; create table if not exists entry (n integer primary key, text text)",
);
const logFile = join(folder, "log");
const log = openSync(logFile, "a");
const insert = "insert into entry (text) values (hex(randomblob(500)))";
mkdirSync(join(folder, "files"), { recursive: true });

/** Notes the one row that was committed and not yet noted when the power went; a wider gap is a loss and stays to be seen. */
function resume(): void {
	const noted = readFileSync(logFile, "utf8").split("\n").length - 1;
	const row = database
		.prepare("select n from entry where n = ?")
		.get(noted + 1);
	if (row) note(noted + 1);
}

/** Writes a row's number into the synced log. */
function note(n: number | bigint): void {
	writeSync(log, `${n}\n`);
	fsyncSync(log);
}

function commit(): void {
	const { lastInsertRowid } = database.prepare(insert).run();
	old.prepare(insert).run();
	writeSync(log, `${lastInsertRowid}\n`);
	fsyncSync(log);
}

function place(): string {
	return join(folder, "files", `d${random(6)}`, `d${random(3)}`);
}

/** One of the things that happen to files; what cannot be done at the moment is left. */
function mutate(): void {
	const name = () => join(place(), `f${random(10)}`);
	const kind = random(10);
	if (only === "in-place" && (kind === 5 || kind === 6)) return;
	try {
		switch (kind) {
			case 0:
			case 1:
				mkdirSync(place(), { recursive: true });
				break;
			case 2:
			case 3:
				writeFileSync(name(), String(random(1e9)).repeat(random(50)));
				break;
			case 4:
				renameSync(name(), name());
				break;
			case 5:
				renameSync(
					join(folder, "files", `d${random(6)}`),
					join(folder, "files", `d${random(6)}`, "moved"),
				);
				break;
			case 6:
				renameSync(
					join(folder, "files", `d${random(6)}`, "moved"),
					join(folder, "files", `d${random(6)}`),
				);
				break;
			case 7:
				linkSync(name(), name());
				break;
			case 8: {
				// The same size and the old time again: only what nobody can set back tells.
				const file = name();
				const before = readFileSync(file, "utf8");
				writeFileSync(file, before.split("").reverse().join(""));
				utimesSync(file, 1e9, 1e9);
				break;
			}
			case 9:
				if (random(4) === 0) rmSync(place(), { recursive: true });
				else if (random(2) === 0) truncateSync(name(), random(9000));
				else symlinkSync(`to ${random(9)}`, name());
		}
	} catch {
		// Not there, or in the way.
	}
}

process.on("exit", () => closeSync(log));
// It dies of a disk that is full or gone.
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
	const ofDisk = ["ERR_SQLITE_ERROR", "EIO", "ENOSPC"];
	if (!ofDisk.includes(error.code ?? "")) console.error(error);
	process.exit(1);
});
resume();
for (let round = 1; ; round++) {
	if (only !== "files") commit();
	// Without a pause folders in folders would soon be as many as a whole disk's.
	else if (round % 300 === 0)
		rmSync(join(folder, "files"), { recursive: true, force: true });
	for (let i = random(8); i > 0; i--) mutate();
	if (readdirSync(folder).length === 0) break;
}
