// npm run erase -- --bucket <name>
// Deletes the bucket of a stack with every backup in it, for good: the only way to delete the history. Asks for the bucket's name
// once more. What Object Lock protects stays until its time has come, and the bucket with it.
import { createInterface } from "node:readline/promises";
import {
	backupBucket,
	main,
	type Operator,
	operator,
	optionsOf,
} from "./command.ts";
import { OperatorError } from "./errors.ts";

/**
 * @param ask puts a question to the operator and gives the answer
 * @throws OperatorError `no-bucket`, `not-ours`, `name-differs`
 */
export async function erase(
	{ b2, say }: Pick<Operator, "b2" | "say">,
	{ bucket: name }: { bucket: string },
	ask: (question: string) => Promise<string>,
): Promise<void> {
	const bucket = await backupBucket(b2, name);
	const answer = await ask(
		`Every backup in "${name}" will be deleted, and nobody can bring it back. Type the name of the bucket to do it: `,
	);
	if (answer.trim() !== name) throw new OperatorError("name-differs", name);
	let deleted = 0;
	for await (const { fileId, fileName } of b2.allVersions(bucket.bucketId)) {
		if (fileId === null) continue;
		await b2.deleteVersion(fileName, fileId);
		deleted += 1;
		if (deleted % 1000 === 0) say(`${deleted} versions deleted`);
	}
	await b2.deleteBucket(bucket.bucketId);
	say(`The bucket "${name}" and the ${deleted} versions in it are gone.`);
}

/** Asks at the terminal, or wherever standard input comes from. Input that ends is an answer too: not the right one. */
async function ask(question: string): Promise<string> {
	// Made only now: whatever is there already stays unread until somebody asked.
	const terminal = createInterface(process.stdin, process.stdout);
	const ended = new Promise<string>((resolve) =>
		terminal.once("close", () => resolve("")),
	);
	try {
		return await Promise.race([terminal.question(question), ended]);
	} finally {
		terminal.close();
	}
}

if (import.meta.main)
	await main(async () => {
		const options = optionsOf("erase", "--bucket <name>", ["bucket"]);
		await erase(operator(), options, ask);
	});
