import assert from "node:assert/strict";
import { chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Slice } from "./disk.ts";
import { cgroup, type StateHost } from "./host.ts";

/** Uid and gid of the agent on its host. */
const agent = 2001;
/** Its program. */
export const writer = new URL("writer.ts", import.meta.url).pathname;

/** Starts a busy agent in the slice of a host, and waits until it has written; it ends when the host stops its gateway. */
export async function startBusy(
	slice: Slice,
	host: StateHost,
	folder: string,
	seed: number,
): Promise<void> {
	// Its own service manager stops it.
	chownSync(join(slice.folder, "cgroup.kill"), agent, agent);
	writeFileSync(
		host.at("tmp/on-stop"),
		`echo 1 >${cgroup}/cgroup.kill\nwhile [[ -n $(<${cgroup}/cgroup.procs) ]]; do sleep 0.01; done\n`,
	);
	slice.spawn(process.execPath, [writer, host.at(folder), String(seed)]);
	while (
		!existsSync(host.at(`${folder}/log`)) ||
		busyLog(host.at(folder)) === ""
	)
		await sleep(10);
}

/** What a busy agent has left in a folder. */
export interface BusyWork {
	/** What SQLite says of its databases. */
	readonly checks: readonly string[];
	/** Rows, and the number of the last. */
	readonly rows: readonly [count: number, last: number];
	/** Numbers of the rows that it has noted as synced, one a line. */
	readonly log: string;
}

/** Reads it from a folder in which nothing runs any more. */
export function readBusy(folder: string): BusyWork {
	const check = "pragma integrity_check";
	const { count, last } = query(
		join(folder, "busy.sqlite"),
		"select count(*) as count, coalesce(max(n), 0) as last from entry",
	);
	return {
		checks: ["busy.sqlite", "journal.sqlite"].map((name) =>
			String(query(join(folder, name), check).integrity_check),
		),
		rows: [Number(count), Number(last)],
		log: busyLog(folder),
	};
}

function busyLog(folder: string): string {
	return readFileSync(join(folder, "log"), "utf8");
}

/** It is of one moment: whole databases, rows 1…n, and the synced log is a prefix of them. */
export function assertWhole({ checks, rows, log }: BusyWork): void {
	assert.deepEqual(checks, ["ok", "ok"]);
	const [count, last] = rows;
	assert.equal(count, last, "rows are missing");
	const lines = log.split("\n").slice(0, -1);
	assert.deepEqual(
		lines.filter((line, i) => line !== String(i + 1)),
		[],
		"lines of the log are missing",
	);
	// At most the row that was being noted when the copy was made.
	const unnoted = count - lines.length;
	assert.ok(
		unnoted === 0 || unnoted === 1,
		`${count} rows, ${lines.length} noted: not what was synced`,
	);
}

function query(file: string, sql: string): Record<string, unknown> {
	const database = new DatabaseSync(file);
	try {
		return { ...database.prepare(sql).get() };
	} finally {
		database.close();
	}
}
