import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { supportTable } from "./table.ts";

test("the table in the README is that of the code (UPDATE_GOLDEN=1 writes it)", () => {
	const readme = new URL("../README.md", import.meta.url);
	const text = readFileSync(readme, "utf8");
	const wanted = text.replace(
		/<!-- table -->.*<!-- \/table -->/s,
		() => `<!-- table -->\n${supportTable()}\n<!-- /table -->`,
	);
	assert.match(text, /<!-- table -->/);
	if (process.env.UPDATE_GOLDEN) writeFileSync(readme, wanted);
	// The formatter pads the cells of a table.
	const cells = (from: string) =>
		from.replace(/ +/g, " ").replace(/ ?-{3,} ?/g, "---");
	assert.equal(cells(process.env.UPDATE_GOLDEN ? wanted : text), cells(wanted));
});
