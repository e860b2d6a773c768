import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { same, secretTexts, unwrap, wrap } from "./wire.ts";

const secret = (value: unknown) => ({
	"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
	value,
});
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

test("what is wrapped and unwrapped is the same again, and still known to be secret", () => {
	const bag = fc.dictionary(
		fc.stringMatching(/^[a-z]{1,8}$/),
		fc.jsonValue().filter((value) => value !== null),
	);
	fc.assert(
		fc.property(bag, fc.func(fc.boolean()), (values, isSecret) => {
			const secrets = Object.keys(values).filter((key) => isSecret(key));
			const back = unwrap(wrap(values, secrets));
			assert.deepEqual(back.values, { ...values });
			assert.deepEqual([...back.secrets].sort(), secrets.sort());
		}),
		{ seed: 20261121 },
	);
});

test("a secret at any depth makes its property secret", () => {
	const { values, secrets } = unwrap({
		list: [{ inner: secret("hidden") }],
		plain: 1,
	});
	assert.deepEqual(values, { list: [{ inner: "hidden" }], plain: 1 });
	assert.deepEqual([...secrets], ["list"]);
	assert.deepEqual(secretTexts({ values, secrets, unknowns: new Set() }), [
		"hidden",
	]);
});

test("values that are not known yet are told, also inside secrets and lists", () => {
	const { unknowns } = unwrap({
		a: unknown,
		b: secret(unknown),
		c: ["x", unknown],
		d: "x",
	});
	assert.deepEqual([...unknowns], ["a", "b", "c"]);
});

test("null and undefined are left out, at any depth where the protocol cannot carry them", () => {
	assert.deepEqual(unwrap({ a: null, b: 1 }).values, { b: 1 });
	assert.deepEqual(wrap({ a: undefined, b: { c: undefined, d: 1 } }, []), {
		b: { d: 1 },
	});
});

test("sets are compared without order", () => {
	assert.equal(same(["a", "b"], ["b", "a", "a"], true), true);
	assert.equal(same(["a", "b"], ["b", "a"]), false);
	assert.equal(same(["a"], ["a", "b"], true), false);
	assert.equal(same(undefined, null), true);
});
