import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fillIn, placeholdersOf } from "./template.ts";

describe("templates", () => {
	test("fills in every occurrence, with or without blanks", () => {
		assert.equal(
			fillIn("f", "{{ a }}-{{b}}-{{ a }}", { a: "1", b: "2" }),
			"1-2-1",
		);
	});

	test("an unknown placeholder names the file and what is known", () => {
		assert.throws(
			() => fillIn("x.service", "{{ nope }}", { a: "1" }),
			/x\.service: \{\{ nope \}\} has no value; known are a/,
		);
	});

	test("names of Object.prototype are not values", () => {
		assert.throws(() => fillIn("f", "{{ constructor }}", {}));
	});

	test("a value is taken as it is, dollar signs and braces included", () => {
		fc.assert(
			fc.property(fc.string(), (value) => {
				assert.equal(fillIn("f", "<{{ a }}>", { a: value }), `<${value}>`);
			}),
			{ seed: 1 },
		);
	});

	test("lists placeholders once", () => {
		assert.deepEqual(placeholdersOf("{{ a }}{{ b }}{{ a }}"), ["a", "b"]);
	});
});
