// The operator of the README: an ordinary user with an installed Pulumi and Node, without Go and without root.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
	accessSync,
	chmodSync,
	constants,
	copyFileSync,
	mkdirSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { tool } from "../../tools/setup.ts";
import { Engine } from "./harness/engine.ts";
import { cannotRun, startWorld, type World } from "./harness/world.ts";

/** `nobody`, on every Linux. */
const user = 65534;

/** An engine that this user starts, with a PATH of which every program is known. */
async function ordinaryOperator(world: World): Promise<{
	engine: Engine;
	/** Runs a command as that user. */
	run: (...command: string[]) => ReturnType<typeof spawnSync>;
}> {
	const folder = dirname(world.backend);
	const bin = join(folder, "bin");
	mkdirSync(bin);
	// Copies: what the cache of the one who runs the tests holds is not for everybody's eyes.
	for (const name of ["node", "pulumi", "pulumi-language-nodejs"] as const)
		copyFileSync(await tool(name), join(bin, name), constants.COPYFILE_FICLONE);
	for (const name of ["dirname", "cat", "id"])
		symlinkSync(programOf(name), join(bin, name));
	const asUser = join(folder, "as-user");
	const ids = `--reuid=${user} --regid=${user} --clear-groups --no-new-privs`;
	writeFileSync(
		asUser,
		`#!/bin/sh\nexec ${programOf("setpriv")} ${ids} pulumi "$@"\n`,
	);
	chmodSync(asUser, 0o755);
	execFileSync("chown", ["-R", `${user}:${user}`, folder]);
	const environment = {
		...world.environment,
		PATH: bin,
		NODE_COMPILE_CACHE: undefined,
	};
	return {
		engine: new Engine(asUser, world.project, environment),
		run: (...command) =>
			spawnSync(programOf("setpriv"), [...ids.split(" "), ...command], {
				env: environment,
				encoding: "utf8",
			}),
	};
}

function programOf(name: string): string {
	return execFileSync("sh", ["-c", 'command -v "$1"', "sh", name], {
		encoding: "utf8",
	}).trim();
}

suite("an operator without Go and without root", { skip: cannotRun }, () => {
	test("an installed Pulumi is enough for up, up again and destroy", async (t: TestContext) => {
		const world = await startWorld(t);
		const { engine, run } = await ordinaryOperator(world);
		t.after(() => engine.kill());
		assert.equal(String(run("id", "-u").stdout).trim(), String(user));
		assert.notEqual(run("go", "version").status, 0);
		assert.throws(() => accessSync(join(dirname(world.backend), "bin", "go")));
		const go = (...args: string[]) =>
			engine.run(args[0] ?? "", args.slice(1), { log: true });

		const up = await go("up", "--yes", "--skip-preview");
		assert.equal(up.code, 0, up.output);
		assert.equal(world.hypervisor.hosts.length, 1);
		assert.equal(world.hypervisor.hosts[0]?.deliveries.length, 1);

		const again = await go("up", "--yes", "--skip-preview");
		assert.equal(again.code, 0, again.output);
		assert.deepEqual(again.changes, []);

		const destroy = await go("destroy", "--yes", "--skip-preview");
		assert.equal(destroy.code, 0, destroy.output);
		assert.equal(world.hypervisor.hosts[0]?.powered, false);
	});
});
