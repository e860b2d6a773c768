import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** One request that reached the lab. */
export interface LoggedRequest {
	/** Order of arrival, counted from 1 in each run. */
	seq: number;
	/** Arrival by the lab's clock, ISO 8601. */
	time: string;
	/** Name of the cloud, or `""` where no stand-in answers for the host. */
	cloud: string;
	method: string;
	host: string;
	path: string;
	/** Query string with its question mark, or `""`. */
	query: string;
	userAgent: string;
	/** First 64 KiB of the body. Secrets stay in: this is where tests look for leaks. */
	body: string;
	/** Status of the answer; `null` while it is not there, and for ever if the client never got one. */
	status: number | null;
	/** What fault injection did to it, where it did. */
	fault?: string;
}

/** Which requests are wanted; what is absent does not restrict. */
export interface RequestFilter {
	/** Only requests with a higher `seq`. */
	since?: number | undefined;
	cloud?: string | undefined;
	method?: string | undefined;
	/** Regular expression on the path. */
	path?: string | undefined;
}

/** The request log: in memory for questions, as JSON lines on disk for people. */
export interface RequestLog {
	/** Notes an arrival; the caller fills in body and status and then calls `finish`. */
	begin(entry: Omit<LoggedRequest, "seq" | "body" | "status">): LoggedRequest;
	/** Writes the line. */
	finish(entry: LoggedRequest): void;
	query(filter?: RequestFilter): LoggedRequest[];
	/** Forgets what is in memory; the file stays. */
	clear(): void;
	close(): void;
}

/** Bytes of each body that are kept. */
export const keptBodyBytes = 64 * 1024;

/** Opens the log on `<stateDir>/requests.jsonl`, to which it appends. */
export function openRequestLog(stateDir: string): RequestLog {
	mkdirSync(stateDir, { recursive: true, mode: 0o700 });
	const file = openSync(join(stateDir, "requests.jsonl"), "a", 0o600);
	let entries: LoggedRequest[] = [];
	let seq = 0;
	let open = true;
	return {
		begin(entry) {
			seq += 1;
			const logged = { seq, ...entry, body: "", status: null };
			entries.push(logged);
			return logged;
		},
		finish(entry) {
			if (open) writeSync(file, `${JSON.stringify(entry)}\n`);
		},
		query(filter = {}) {
			const path = filter.path === undefined ? null : new RegExp(filter.path);
			return entries.filter(
				(entry) =>
					entry.seq > (filter.since ?? 0) &&
					(filter.cloud === undefined || entry.cloud === filter.cloud) &&
					(filter.method === undefined || entry.method === filter.method) &&
					(path === null || path.test(entry.path)),
			);
		},
		clear() {
			entries = [];
		},
		close() {
			open = false;
			closeSync(file);
		},
	};
}
