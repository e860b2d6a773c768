import { parseArgs } from "node:util";
import { B2, type B2Bucket } from "../infra/provider/clients/b2.ts";
import { Http } from "../infra/provider/http.ts";
import { OperatorError } from "./errors.ts";

/** What a tool is given: its credential comes from the environment, as that of `pulumi up` does. */
export interface Operator {
	readonly b2: B2;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly signal: AbortSignal;
	/** One line for the operator. */
	say(line: string): void;
}

/** The operator of this process; Ctrl-C ends what is under way. */
export function operator(): Operator {
	const stop = new AbortController();
	process.once("SIGINT", () => stop.abort());
	return {
		b2: new B2(new Http(stop.signal), process.env),
		env: process.env,
		signal: stop.signal,
		say: (line) => console.log(line),
	};
}

/**
 * Options of the command line, all of them with a value.
 * @throws OperatorError `unknown-option`, `no-value`, `missing-option`
 */
export function optionsOf<K extends string>(
	tool: string,
	usage: string,
	required: readonly K[],
	optional: readonly string[] = [],
	args: readonly string[] = process.argv.slice(2),
): Record<K, string> & Partial<Record<string, string>> {
	const names = [...required, ...optional];
	const { tokens } = parseArgs({
		args: [...args],
		strict: false,
		tokens: true,
		options: Object.fromEntries(
			names.map((name) => [name, { type: "string" as const }]),
		),
	});
	const values: Partial<Record<string, string>> = {};
	for (const token of tokens) {
		if (token.kind === "option-terminator") continue;
		const isOption = token.kind === "option";
		if (!isOption || !names.includes(token.name))
			throw new OperatorError(
				"unknown-option",
				isOption ? token.rawName : token.value,
				names.map((name) => `--${name}`).join(", "),
				tool,
				usage,
			);
		if (!token.value || (!token.inlineValue && token.value.startsWith("-")))
			throw new OperatorError("no-value", token.rawName, tool, usage);
		values[token.name] = token.value;
	}
	const missing = required.filter((name) => values[name] === undefined);
	if (missing.length > 0)
		throw new OperatorError(
			"missing-option",
			missing.map((name) => `--${name}`).join(", "),
			tool,
			usage,
		);
	return values as Record<K, string>;
}

/** A whole number of at least 1. @throws OperatorError `bad-number` */
export function count(name: string, text: string): number {
	if (!/^[1-9]\d{0,5}$/.test(text))
		throw new OperatorError("bad-number", name, text);
	return Number(text);
}

/** The bucket of a stack. @throws OperatorError `no-bucket`, `not-ours` */
export async function backupBucket(b2: B2, name: string): Promise<B2Bucket> {
	const bucket = await b2.bucket(name);
	if (!bucket) throw new OperatorError("no-bucket", name);
	if (bucket.bucketInfo.moltbot !== "backup")
		throw new OperatorError("not-ours", name);
	return bucket;
}

/** Runs a tool: a refusal is one sentence and exit code 1. */
export async function main(work: () => Promise<void>): Promise<void> {
	try {
		await work();
	} catch (error) {
		console.error(error instanceof Error ? error.message : String(error));
		process.exitCode = 1;
	}
}
