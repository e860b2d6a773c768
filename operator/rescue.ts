// npm run rescue -- --bucket <name> --at <time> --into <new name>
// The backup as it was at a time, in a fresh bucket, whatever somebody has hidden, overwritten or uploaded since. Needs an
// application key that may list and read the old bucket and make and write the new one. The old bucket stays as it is.
import type { B2File } from "../infra/provider/clients/b2.ts";
import {
	backupBucket,
	main,
	type Operator,
	operator,
	optionsOf,
} from "./command.ts";
import { OperatorError } from "./errors.ts";

/** Files that were visible at a time (milliseconds, by Backblaze's clock): of each name the version that was newest then. */
export async function visibleAt(
	versions: AsyncIterable<B2File> | Iterable<B2File>,
	at: number,
): Promise<B2File[]> {
	const then = new Map<string, B2File>();
	for await (const version of versions) {
		if (version.action === "start" || version.uploadTimestamp > at) continue;
		const known = then.get(version.fileName);
		// Listed newest first, so of two of the same millisecond the first one is the newer.
		if (!known || version.uploadTimestamp > known.uploadTimestamp)
			then.set(version.fileName, version);
	}
	return [...then.values()].filter(({ action }) => action !== "hide");
}

const parallel = 8;

/** @throws OperatorError `no-bucket`, `not-ours`, `bad-time`, `future`, `not-empty`, `nothing-then` */
export async function rescue(
	{ b2, say }: Pick<Operator, "b2" | "say">,
	{ bucket: name, at, into }: { bucket: string; at: string; into: string },
): Promise<number> {
	const time = /^\d{4}-\d\d-\d\dT.*Z$/.test(at) ? Date.parse(at) : Number.NaN;
	if (Number.isNaN(time)) throw new OperatorError("bad-time", at);
	const source = await backupBucket(b2, name);
	const now = await b2.serverTime();
	if (time > now)
		throw new OperatorError("future", at, new Date(now).toISOString());
	if (await b2.bucket(into)) throw new OperatorError("not-empty", into);
	const files = (await visibleAt(b2.allVersions(source.bucketId), time)).filter(
		({ fileName }) => !fileName.includes("/locks/"),
	);
	if (files.length === 0) throw new OperatorError("nothing-then", at);

	const target = await b2.createBucket(into, {
		bucketType: "allPrivate",
		bucketInfo: { moltbot: "backup" },
		lifecycleRules: source.lifecycleRules.flatMap(
			({ fileNamePrefix, daysFromHidingToDeleting }) =>
				daysFromHidingToDeleting
					? [
							{
								fileNamePrefix,
								daysFromHidingToDeleting,
								daysFromUploadingToHiding: null,
							},
						]
					: [],
		),
	});
	const left = files.values();
	let done = 0;
	await Promise.all(
		Array.from({ length: parallel }, async () => {
			for (const { fileId, fileName } of left) {
				if (fileId === null) continue;
				await b2.copyFile(fileId, fileName, target.bucketId);
				done += 1;
				if (done % 1000 === 0) say(`${done} of ${files.length} files copied`);
			}
		}),
	);
	say(
		`"${into}" holds the ${done} files that "${name}" held at ${at}. To go on with it: pulumi config set bucket ${into} && pulumi up`,
	);
	return done;
}

if (import.meta.main)
	await main(async () => {
		const usage =
			"--bucket <name> --at 2026-11-21T14:05:00Z --into <name of a new bucket>";
		await rescue(
			operator(),
			optionsOf("rescue", usage, ["bucket", "at", "into"]),
		);
	});
