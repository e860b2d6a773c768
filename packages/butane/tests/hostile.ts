// Hostile documents. Run as a program with names of some, it reads those and prints what each took, as lines of JSON.
import { maxBytes, parse, serialize, translate } from "../src/index.ts";

export type Case = {
	make: () => Uint8Array | string;
	/** What is said of it; undefined: it is accepted. */
	says?: RegExp;
	/** Read in a process of its own: it takes long, or much of what is allowed. */
	alone?: true;
};

export type Measurement = {
	bytes: number;
	cpuSeconds: number;
	seconds: number;
	/** The most that the process ever had, Node itself included. */
	megabytes: number;
	accepted: boolean;
	problems: number;
	first: string;
};

const head = "variant: fcos\nversion: 1.4.0\n";
const repeated = (pattern: string, from = "", to = "", size = maxBytes) =>
	Buffer.concat([
		Buffer.from(from),
		Buffer.alloc(size - from.length - to.length, pattern),
		Buffer.from(to),
	]);
/** As many different lines as fit. */
function lines(from: string, line: (i: number) => string, size = maxBytes) {
	const bytes = Buffer.alloc(size, "\n");
	let at = bytes.write(from);
	for (let i = 0; ; i++) {
		const text = line(i);
		if (at + text.length > size) return bytes.subarray(0, at);
		at += bytes.write(text, at);
	}
}
const nested = (open: string, close: string, depth: number) =>
	`${head}kernel_arguments: ${open.repeat(depth)}${close.repeat(depth)}\n`;
/** Each name stands for ten of the one before. */
const tenfold = (first: string, each: (name: string) => string) =>
	`${first}${"bcdefghij".replace(/./g, (name) => `${name}: &${name} ${each(String.fromCharCode(name.charCodeAt(0) - 1))}\n`)}`;

const deep = /nested too deeply/;
const many = /more than 250000 values/;

/** What the issue names, and whatever a reader can be made to do over and over. */
export const cases: Record<string, Case> = {
	"aliases that explode": {
		make: () =>
			`${head}${tenfold("a: &a [x,x,x,x,x,x,x,x,x,x]\n", (n) => `[${`*${n},`.repeat(10)}]`)}kernel_arguments: {should_exist: *j}\n`,
		says: /cannot unmarshal a list/,
	},
	"aliases of long lists": {
		make: () =>
			`${head}g: &g [${"x,".repeat(10_000)}]\npasswd: {users: [${"{groups: *g},".repeat(1000)}]}\n`,
		says: /excessive aliasing/,
	},
	"merges that explode": {
		make: () =>
			`${head}${tenfold("a: &a {k: 1}\n", (n) => `{<<: [${`*${n},`.repeat(10)}]}`)}kernel_arguments: {<<: *j}\n`,
		says: /excessive aliasing/,
	},
	"an anchor in itself": {
		make: () => `${head}passwd: &a {users: [*a]}\n`,
		says: /contains itself/,
	},
	"8 MiB of aliases": {
		make: () => repeated("*a,", `${head}a: &a 1\nb: [`, "]\n"),
		says: many,
	},
	"lists 10,000 deep": { make: () => nested("[", "]", 10_000), says: deep },
	"mappings 10,000 deep": {
		make: () => nested("{a: ", "}", 10_000),
		says: deep,
	},
	"block lists 10,000 deep": {
		make: () => `${head}kernel_arguments:\n  ${"- ".repeat(10_000)}\n`,
		says: deep,
	},
	"indentation 4,000 deep": {
		make: () =>
			Array.from({ length: 4000 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
		says: deep,
	},
	"explicit keys 10,000 deep": { make: () => "? ".repeat(10_000), says: deep },
	"anchors 10,000 deep": { make: () => "&a [".repeat(10_000), says: deep },
	"8 MiB of opening brackets": { make: () => repeated("["), says: deep },
	"8 MiB of dashes": { make: () => repeated("- "), says: deep },
	"8 MiB of NUL bytes": { make: () => repeated("\0"), says: /null byte/ },
	"a NUL byte": { make: () => `${head}a: "\0"\n`, says: /null byte/ },
	"invalid UTF-8": {
		make: () => Buffer.alloc(maxBytes, 0xff),
		says: /not valid UTF-8/,
	},
	"half a character": {
		make: () => Buffer.concat([Buffer.from(`${head}a: `), Buffer.from([0xc3])]),
		says: /not valid UTF-8/,
	},
	"the same key over and over": {
		make: () => repeated("a: 1\n", head),
		says: many,
	},
	"the same known key twice": {
		make: () => `${head}storage: {}\nstorage: {}\n`,
		says: /already defined/,
	},
	"different keys": {
		make: () => lines(head, (i) => `a${i}: 1\n`),
		says: many,
	},
	"keys of every object": {
		make: () =>
			`${head}__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\nstorage: {__proto__: {files: [{path: a}]}, hasOwnProperty: 1, toString: 1}\npasswd: {<<: {__proto__: {users: [{name: a}]}}}\n`,
	},
	"values without end": {
		make: () =>
			repeated("a,", `${head}kernel_arguments: {should_exist: [`, "]}\n"),
		says: many,
	},
	"keys without values": {
		make: () => repeated("a,", `${head}x: {`, "}\n"),
		says: many,
	},
	"20,000 wrong paths": {
		alone: true,
		make: () =>
			lines(
				`${head}storage:\n  files:\n`,
				(i) => `  - {path: a${i}, mode: 99}\n`,
				600_000,
			),
		says: /path not absolute/,
	},
	"a path of four million folders": {
		make: () =>
			repeated(
				"a/",
				`${head}storage: {links: [{path: /x, target: /y}], directories: [{path: /`,
				"a}]}\n",
			),
	},
	"partitions that all but meet": {
		alone: true,
		make: () =>
			lines(
				`${head}storage:\n  disks:\n  - device: /dev/vda\n    partitions:\n`,
				(i) =>
					`    - {label: a${i}, number: ${i + 1}, start_mib: ${i * 2 + 1}, size_mib: 1}\n`,
				1_000_000,
			),
	},
	"contents that compress badly": {
		alone: true,
		make: () =>
			lines(
				`${head}storage:\n  files:\n  - path: /a\n    contents:\n      inline: |\n`,
				(i) => `        ${(i * 2654435761) % 997}${"ab".repeat(i % 40)}\n`,
			),
	},
	"one file of 8 MiB": {
		alone: true,
		make: () =>
			repeated(
				"a line of text, and another one.\\n",
				`${head}storage: {files: [{path: /a, contents: {inline: "`,
				'"}}]}\n'.padStart(12),
			),
	},
	"20,000 units": {
		alone: true,
		make: () =>
			lines(
				`${head}systemd:\n  units:\n`,
				(i) =>
					`  - name: u${i}.service\n    enabled: true\n    contents: |\n      [Service]\n      ExecStart=/usr/bin/sleep ${i}\n      [Install]\n      WantedBy=multi-user.target\n`,
				2_900_000,
			),
	},
	"comments only": { make: () => repeated("# a\n"), says: /variant/ },
	"empty lines only": { make: () => repeated("\n"), says: /variant/ },
	"documents without end": { make: () => repeated("---\n"), says: /./ },
	"quotes without end": { make: () => repeated('"'), says: /./ },
	"tags without end": { make: () => repeated("!a "), says: /./ },
	"anchors without end": { make: () => repeated("&a "), says: /./ },
	"block scalars without end": { make: () => repeated("a: |\n"), says: many },
	"colons without end": { make: () => repeated(": "), says: /./ },
	"tabs without end": { make: () => repeated("\t"), says: /./ },
	"8 MiB and one byte": {
		make: () => repeated("[", "", "", maxBytes + 1),
		says: /larger than 8 MiB/,
	},
	"8 MiB of text and one byte": {
		make: () => "é".repeat(maxBytes / 2).concat("a"),
		says: /larger than 8 MiB/,
	},
};

function measure(name: string): Measurement {
	const input = cases[name]?.make() ?? "";
	const [cpu, start] = [process.cpuUsage(), performance.now()];
	const { document, report } = parse(input);
	const result = document && translate(document);
	if (result?.ignition) serialize(result.ignition);
	const seconds = (performance.now() - start) / 1000;
	const { user, system } = process.cpuUsage(cpu);
	const problems = [...report.problems, ...(result?.report.problems ?? [])];
	return {
		bytes: Buffer.byteLength(input),
		cpuSeconds: (user + system) / 1e6,
		seconds,
		megabytes: process.resourceUsage().maxRSS / 1024,
		accepted: Boolean(result?.ignition),
		problems: problems.length,
		first: problems.find((p) => p.severity === "error")?.message ?? "",
	};
}

if (import.meta.main)
	for (const name of process.argv.slice(2)) {
		console.log(JSON.stringify(measure(name)));
		// What the one before left behind is not what the next one takes.
		globalThis.gc?.();
	}
