// npm run prune -- --bucket <name> [--days 90] [--least 10] [--prefix restic]
// Forgets old snapshots and what only they need. Runs away from the host, with a key that the host never sees. Age is the time at
// which Backblaze received a snapshot, not what the snapshot says of itself, and nothing is thinned out within the days: however
// many snapshots a taken host adds, and whatever it writes into them, no younger one and none of the newest goes.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { B2File } from "../infra/provider/clients/b2.ts";
import {
	backupBucket,
	count,
	main,
	type Operator,
	operator,
	optionsOf,
} from "./command.ts";
import { OperatorError } from "./errors.ts";

const run = promisify(execFile);
const dayMs = 86_400_000;

export interface Rules {
	/** For how many days a snapshot stays at least. */
	readonly days: number;
	/** How many of the longest known snapshots' successors stay in any case: the newest ones by Backblaze's clock. */
	readonly least: number;
}

/** Ids of the snapshots that may go. `files` are the newest versions below `…/snapshots/`; `now` is Backblaze's time. */
export function forgettable(
	files: readonly B2File[],
	now: number,
	{ days, least }: Rules,
): string[] {
	return files
		.filter(({ action }) => action !== "hide")
		.toSorted((a, b) => b.uploadTimestamp - a.uploadTimestamp)
		.slice(least)
		.filter(({ uploadTimestamp }) => now - uploadTimestamp > days * dayMs)
		.map(({ fileName }) => fileName.split("/").at(-1) ?? "");
}

/** @returns how many snapshots went. @throws OperatorError */
export async function prune(
	{ b2, env, signal, say }: Operator,
	name: string,
	rules: Rules,
	prefix = "restic",
): Promise<number> {
	if (!env.RESTIC_PASSWORD && !env.RESTIC_PASSWORD_COMMAND)
		throw new OperatorError("no-password");
	const bucket = await backupBucket(b2, name);
	const files = await b2.files(bucket.bucketId, `${prefix}/snapshots/`);
	if (files.length === 0) throw new OperatorError("nothing-to-keep");
	const old = forgettable(files, await b2.serverTime(), rules);
	if (old.length === 0) {
		say(
			`All ${files.length} snapshots stay: none is older than ${rules.days} days beyond the newest ${rules.least}.`,
		);
		return 0;
	}
	const { endpoint, region } = await b2.s3();
	const restic = async (...args: string[]) => {
		try {
			await run("restic", ["--retry-lock", "10m", ...args], {
				signal,
				maxBuffer: 1 << 26,
				env: {
					...env,
					AWS_ACCESS_KEY_ID: env.B2_APPLICATION_KEY_ID,
					AWS_SECRET_ACCESS_KEY: env.B2_APPLICATION_KEY,
					AWS_DEFAULT_REGION: region,
					RESTIC_REPOSITORY: `s3:${endpoint}/${name}/${prefix}`,
				},
			});
		} catch (error) {
			const { code, stderr } = error as { code?: unknown; stderr?: string };
			if (code === "ENOENT") throw new OperatorError("no-restic");
			throw new OperatorError(
				"restic",
				args[0] ?? "",
				String(code),
				(stderr ?? "").trimEnd().split("\n").slice(-5).join("\n"),
			);
		}
	};
	for (let i = 0; i < old.length; i += 200)
		await restic("forget", ...old.slice(i, i + 200));
	await restic("prune");
	say(
		`${old.length} snapshots older than ${rules.days} days are forgotten, ${files.length - old.length} stay. Backblaze keeps what was removed for the bucket's retention.`,
	);
	return old.length;
}

if (import.meta.main)
	await main(async () => {
		const usage = "--bucket <name> [--days 90] [--least 10] [--prefix restic]";
		const options = optionsOf(
			"prune",
			usage,
			["bucket"],
			["days", "least", "prefix"],
		);
		const rules = {
			days: count("days", options.days ?? "90"),
			least: count("least", options.least ?? "10"),
		};
		await prune(operator(), options.bucket, rules, options.prefix);
	});
