import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "js-yaml";
import { settingsOf, stackFile } from "./stackFile.ts";

const given = { "moltbot:bucket": "b", "moltbot:gatewayImage": "first" };
/** As `pulumi stack init` and `pulumi config set` leave it. */
const used = `encryptionsalt: v1:x=:v1:y\nconfig:\n  moltbot:bucket: b\n  moltbot:gatewayImage: first\n`;

test("the first file holds what the lab gives", () => {
	assert.deepEqual(load(stackFile(given, {}, "")), { config: given });
});

test("what the operator has set stays, new digests of the lab arrive, and so does the salt", () => {
	const text = stackFile(
		{ ...given, "moltbot:gatewayImage": "second" },
		given,
		`${used}  moltbot:hostname: lobster\n  moltbot:certificate: |-\n    a\n    b\n`,
	);
	assert.deepEqual(load(text), {
		encryptionsalt: "v1:x=:v1:y",
		config: {
			"moltbot:bucket": "b",
			"moltbot:gatewayImage": "second",
			"moltbot:hostname": "lobster",
			"moltbot:certificate": "a\nb",
		},
	});
});

test("a setting of the lab that the operator has changed or removed stays so", () => {
	const changed = stackFile(
		{ ...given, "moltbot:gatewayImage": "second" },
		given,
		used.replace("first", "mine"),
	);
	assert.equal(settingsOf(changed)["moltbot:gatewayImage"], "mine");
	const removed = stackFile(given, given, used.replace(/.*gateway.*\n/, ""));
	assert.deepEqual(settingsOf(removed), { "moltbot:bucket": "b" });
});

test("what the lab gives no more goes", () => {
	const text = stackFile({ "moltbot:bucket": "b" }, given, used);
	assert.deepEqual(settingsOf(text), { "moltbot:bucket": "b" });
});

test("words that look like numbers stay words", () => {
	const numbers = { "moltbot:ownerDiscordId": "100000000000000001" };
	assert.deepEqual(settingsOf(stackFile(numbers, {}, "")), numbers);
});
