import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { filesDir } from "./files.ts";
import { parse } from "./parse.ts";
import { lineOf } from "./report.ts";
import { serialize } from "./serialize.ts";
import { withSource } from "./snippet.ts";
import { translate } from "./translate.ts";
import { versions } from "./versions.ts";

/** What the command line reads and writes beside the files that it is given. */
export type Streams = {
	readInput(): Promise<Uint8Array>;
	out(text: string): void;
	error(text: string): void;
};

/* Names and letters are those of the reference. `raw` has no effect: fcos is never wrapped. */
const options = {
	check: { type: "boolean", short: "c" },
	"files-dir": { type: "string", short: "d" },
	help: { type: "boolean", short: "h" },
	output: { type: "string", short: "o" },
	pretty: { type: "boolean", short: "p" },
	raw: { type: "boolean", short: "r" },
	"raw-errors": { type: "boolean" },
	strict: { type: "boolean", short: "s" },
	version: { type: "boolean", short: "V" },
} as const;

const usage = `Usage: butane [options] [input-file]
Options:
  -c, --check            check the document without output
  -d, --files-dir DIR    allow local files of this directory
  -h, --help             show this text
  -o, --output FILE      write there instead of to standard output
  -p, --pretty           indent the JSON
  -r, --raw              accepted for compatibility, without effect
      --raw-errors       one line a problem, without the text it is about
  -s, --strict           fail on any warning
  -V, --version          print the version
`;

/** Runs the command; returns its exit code: 0 done, 1 refused, 2 wrong arguments. */
export async function run(
	args: readonly string[],
	streams: Streams,
): Promise<number> {
	let given: ReturnType<typeof read>;
	try {
		given = read(args);
	} catch (error) {
		streams.error(`${messageOf(error)}\n${usage}`);
		return 2;
	}
	const { values, positionals } = given;
	if (positionals.length > 1) {
		streams.error(usage);
		return 2;
	}
	if (values.help || values.version) {
		streams.out(values.help ? usage : `${version()}\n`);
		return 0;
	}
	try {
		const input = positionals[0]
			? readFileSync(positionals[0])
			: await streams.readInput();
		const { ignition, problems } = convert(input, values["files-dir"]);
		const show = values["raw-errors"] ? lineOf : withSource(input);
		for (const problem of problems) streams.error(`${show(problem)}\n`);
		if (!ignition) {
			streams.error("The document was refused.\n");
			return 1;
		}
		if (values.strict && problems.length > 0) {
			streams.error("There were warnings, and --strict was given.\n");
			return 1;
		}
		if (values.check) return 0;
		const text = `${serialize(ignition, { pretty: values.pretty ?? false })}\n`;
		if (values.output) writeFileSync(values.output, text, { mode: 0o644 });
		else streams.out(text);
		return 0;
	} catch (error) {
		streams.error(`${messageOf(error)}\n`);
		return 1;
	}
}

const read = (args: readonly string[]) =>
	parseArgs({ args: [...args], options, allowPositionals: true });

function convert(input: Uint8Array, folder: string | undefined) {
	const { document, report } = parse(input);
	if (!document) return { ignition: null, problems: report.problems };
	const result = translate(document, folder ? { files: filesDir(folder) } : {});
	return {
		ignition: result.ignition,
		problems: [...report.problems, ...result.report.problems],
	};
}

const version = (): string => {
	const file = new URL("../package.json", import.meta.url);
	const own: { version: string } = JSON.parse(readFileSync(file, "utf8"));
	return `butane ${own.version}: fcos ${Object.keys(versions).join(", ")}`;
};

const messageOf = (error: unknown): string =>
	error instanceof Error ? error.message : String(error);
