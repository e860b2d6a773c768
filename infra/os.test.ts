import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { osScopeOf, ucoreSigningKey } from "./os.ts";

const digest = `@sha256:${"a".repeat(64)}`;

for (const [image, scope] of [
	[`ghcr.io/ublue-os/ucore-minimal${digest}`, "ghcr.io/ublue-os/ucore-minimal"],
	[`registry.example:5000/os/ucore${digest}`, "registry.example:5000/os/ucore"],
] as const)
	test(`scope of ${image}`, () => {
		assert.equal(osScopeOf(image), scope);
	});

test("the key of uCore is an elliptic curve key", () => {
	assert.equal(createPublicKey(ucoreSigningKey).asymmetricKeyType, "ec");
});
