import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { picture } from "./picture.ts";

test("picture.svg is what the script draws today", () => {
	const drawn = readFileSync(join(import.meta.dirname, "picture.svg"), "utf8");
	assert.ok(drawn === picture(), "run: node docs/picture/picture.ts");
});
