import assert from "node:assert/strict";
import { test } from "node:test";
import { fits } from "./pulumiCli.ts";

test("an installed engine fits if it has the SDK's major version and is not older", () => {
	for (const found of ["v3.259.0", "v3.259.1\n", "3.300.0", "v3.260.0-alpha.1"])
		assert.equal(fits(found, "3.259.0"), true, found);
	for (const found of ["v3.258.9", "v4.0.0", "v2.999.0", "", "dev"])
		assert.equal(fits(found, "3.259.0"), false, found);
});
