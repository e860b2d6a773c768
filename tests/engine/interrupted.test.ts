import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cannotRun, startWorld } from "./harness/world.ts";

suite("an interrupted up", { skip: cannotRun }, () => {
	for (const when of ["before", "after"] as const)
		test(`killed ${when} the creation of the VM: cancel and up end with one VM`, async (t) => {
			const world = await startWorld(t);
			world.killAt(/^POST api\.vultr\.com\/v2\/instances$/, when);
			const killed = await world.up();
			assert.equal(killed.code, null, killed.output);

			await world.cancel();
			const up = await world.up();
			assert.equal(up.code, 0, up.output);
			// What was made before the kill is adopted, so there was never a second one.
			assert.equal(world.hypervisor.hosts.length, 1);
			assert.equal(world.hypervisor.hosts[0]?.powered, true);
		});
});
