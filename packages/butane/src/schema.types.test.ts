// What the compiler must accept and refuse; `tsc` is the judge, so that running this only shows that the values are sound.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fcos, type Resource, translate } from "./index.ts";

const host: Fcos = {
	variant: "fcos",
	version: "1.4.0",
	storage: {
		files: [
			{ path: "/etc/motd", mode: 0o644, contents: { inline: "hello\n" } },
		],
	},
	systemd: { units: [{ name: "a.service", enabled: true, dropins: [] }] },
};

const contents: Resource = {
	source: "https://example.com/x",
	compression: "gzip",
};

const wrong: Fcos[] = [
	// @ts-expect-error: another variant
	{ variant: "flatcar", version: "1.0.0" },
	// @ts-expect-error: a version that is not stable
	{ variant: "fcos", version: "1.8.0-experimental" },
	// @ts-expect-error: no version
	{ variant: "fcos" },
	// @ts-expect-error: a key that no version has
	{ variant: "fcos", version: "1.4.0", storag: {} },
	// @ts-expect-error: a mode is a number
	{ variant: "fcos", version: "1.4.0", storage: { files: [{ mode: "0644" }] } },
	{
		variant: "fcos",
		version: "1.4.0",
		// @ts-expect-error: a list of units, not one
		systemd: { units: { name: "a.service" } },
	},
];

test("a document may be written as a value", () => {
	const { ignition, report } = translate({
		...host,
		ignition: { config: { merge: [contents] } },
	});
	assert.ok(ignition, report.toString());
	assert.deepEqual(ignition.storage, {
		files: [
			{
				path: "/etc/motd",
				mode: 420,
				contents: { source: "data:,hello%0A", compression: "" },
			},
		],
	});
	assert.equal(wrong.length, 6);
});
