import assert from "node:assert/strict";
import { test } from "node:test";
import { go, Reference } from "../tests/reference.ts";
import { parse, translate } from "./index.ts";

/* Stands for "is refused" in the table; undefined is what an absent key is. */
const no = Symbol("no");
type Row = [yaml: string, text: unknown, integer: unknown, boolean: unknown];

/** How a scalar is read where a text, an integer and a boolean is wanted. */
const table: Row[] = [
	// Octal, hexadecimal, binary; underscores; floats are cut.
	["0644", "0644", 420, no],
	["0o644", "0o644", 420, no],
	["0x1A4", "0x1A4", 420, no],
	["0b110", "0b110", 6, no],
	["-0o17", "-0o17", -15, no],
	["644", "644", 644, no],
	["+5", "+5", 5, no],
	["-5", "-5", -5, no],
	["1_000", "1_000", 1000, no],
	["_1", "_1", no, no],
	["08", "08", 8, no],
	["0o8", "0o8", no, no],
	["1e3", "1e3", 1000, no],
	["1.9", "1.9", 1, no],
	[".5", ".5", 0, no],
	["1.", "1.", 1, no],
	["1:30", "1:30", no, no],
	["0x", "0x", no, no],
	[".nan", ".nan", no, no],
	[".inf", ".inf", no, no],
	["1e30", "1e30", no, no],
	// Only these six are booleans; these twelve words are, where one is wanted, quoted or not.
	...["true", "True", "TRUE"].map((w): Row => [w, w, no, true]),
	...["false", "False", "FALSE"].map((w): Row => [w, w, no, false]),
	...["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"].map(
		(w): Row => [w, w, no, true],
	),
	...["n", "N", "no", "No", "NO", "off", "Off", "OFF"].map(
		(w): Row => [w, w, no, false],
	),
	["yEs", "yEs", no, no],
	['"true"', "true", no, no],
	['"yes"', "yes", no, true],
	["'no'", "no", no, false],
	["1", "1", 1, no],
	// No value.
	...["", "~", "null", "Null", "NULL"].map(
		(w): Row => [w, undefined, undefined, undefined],
	),
	["nULL", "nULL", no, no],
	['""', "", no, no],
	["'~'", "~", no, no],
	// Dates are text, and no numbers.
	["2001-01-01", "2001-01-01", no, no],
	["2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z", no, no],
	// Quoting and tags.
	['"5"', "5", no, no],
	["!!str 5", "5", no, no],
	["! 5", "5", 5, no],
	["! '5'", "5", no, no],
	['!!int "5"', "5", 5, no],
	["!!int x", no, no, no],
	["!!float 5", "5", 5, no],
	["!!bool 'true'", "true", no, true],
	["!!bool yes", no, no, no],
	["!!null ''", undefined, undefined, undefined],
	["!!binary aGk=", "hi", no, no],
	["!!binary '%'", no, no, no],
	["!other 5", "5", no, no],
	// Blocks and folds.
	["|\n      a\n      b", "a\nb\n", no, no],
	["|-\n      5", "5", no, no],
	[">-\n      a\n      b", "a b", no, no],
	["a\n      b", "a b", no, no],
	['"a\\tb\\x41\\u00e9"', "a\tbAé", no, no],
	["a # comment", "a", no, no],
	["a#b", "a#b", no, no],
	["a:b", "a:b", no, no],
	["<<", "<<", no, no],
];

const keys = ["gecos", "uid", "no_log_init"] as const;
const documentOf = (key: string, yaml: string): string =>
	`variant: fcos\nversion: 1.4.0\npasswd:\n  users:\n  - name: a\n    ${key}: ${yaml}\n`;
const readIn = (ignition: unknown, key: string): unknown => {
	if (!ignition) return no;
	const { passwd } = ignition as {
		passwd: { users: Record<string, unknown>[] };
	};
	return passwd.users[0]?.[key === "no_log_init" ? "noLogInit" : key];
};

for (const [yaml, ...wanted] of table)
	test(`reads ${JSON.stringify(yaml)}`, () => {
		const found = keys.map((key) => {
			const { document } = parse(documentOf(key, yaml));
			return readIn(document && translate(document).ignition, key);
		});
		assert.deepEqual(found, wanted);
	});

test("the table of scalars is the reference's", async (t) => {
	if (go("version").status !== 0) return t.skip("needs go");
	const reference = await Reference.start();
	try {
		for (const [yaml, ...wanted] of table) {
			const found: unknown[] = [];
			for (const key of keys) {
				const { ignition } = await reference.ask(documentOf(key, yaml));
				found.push(readIn(ignition, key));
			}
			assert.deepEqual(found, wanted, yaml);
		}
	} finally {
		reference.stop();
	}
});
