import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { policyText } from "../../infra/tailnetPolicy.ts";
import { cannotRun, sharedWorld } from "./harness/world.ts";

suite("the policy of the tailnet", { skip: cannotRun }, () => {
	const world = sharedWorld();
	const written = async () =>
		(await world().control.requests())
			.filter(({ method, path }) => method === "POST" && path.endsWith("/acl"))
			.map(({ body }) => body);

	test("is nobody's business until a setting gives it away", async () => {
		const preview = await world().preview();
		assert.equal(preview.code, 0, preview.output);
		assert.doesNotMatch(preview.output, /tailnet-policy/);
	});

	test("is then written before the key that needs its tag, and only when it changes", async () => {
		world().configure({ tailnetPolicy: "replace-the-whole-policy" });
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		const options = { tag: "tag:moltbot", operators: "autogroup:admin" };
		assert.deepEqual(await written(), [policyText(options)]);

		world().configure({
			tailnetPolicy: "replace-the-whole-policy",
			operators: "ada@example.com",
		});
		const again = await world().up();
		assert.equal(again.code, 0, again.output);
		// "default" is the engine's own record of a provider.
		assert.deepEqual(
			again.changes.filter((change) => !change.endsWith(" default")),
			["update tailnet-policy"],
			again.output,
		);
		assert.deepEqual((await written()).slice(1), [
			policyText({ ...options, operators: "ada@example.com" }),
		]);
	});
});
