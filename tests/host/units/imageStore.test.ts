import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { scratchHost, skip } from "./scratchHost.ts";

const stores = {
	root: "var/lib/containers",
	agent: "var/home/moltbot/.local/share/containers",
};

test("a store of images with a mark is thrown away at a boot, and no other", {
	skip,
}, (t) => {
	const host = scratchHost(t);
	const run = (...command: string[]) => {
		const { status, stdout, stderr } = host.run(command);
		assert.equal(status, 0, stderr);
		return stdout;
	};
	const script = "/usr/local/libexec/moltbot/image-store";
	const asAgent = ["setpriv", "--reuid=2001", "--regid=2001", "--clear-groups"];
	const image = (store: string) => host.at(`${store}/storage/image`);
	run("true");
	for (const store of Object.values(stores)) {
		mkdirSync(host.at(`${store}/storage`), { recursive: true });
		writeFileSync(image(store), "");
	}
	run("chown", "-R", "2001:2001", `/${stores.agent}`);
	const kept = () =>
		Object.entries(stores)
			.filter(([, store]) => existsSync(image(store)))
			.map(([name]) => name);

	// What was settled stays, also where another pull is under way.
	run(...asAgent, script, "adding", "sandbox");
	run(...asAgent, script, "settled", "sandbox");
	run(script, "settled", "never-began");
	assert.equal(run(script, "repair"), "");
	assert.deepEqual(kept(), ["root", "agent"]);

	run(...asAgent, script, "adding", "gateway");
	run(...asAgent, script, "adding", "sandbox");
	run(...asAgent, script, "settled", "sandbox");
	assert.match(run(script, "repair"), /pulled anew/);
	assert.deepEqual(kept(), ["root"]);
	assert.equal(run(script, "repair"), "", "once is enough");

	run(script, "adding", "backup");
	run(script, "repair");
	assert.deepEqual(kept(), []);
});
