// The operator of the README: an ordinary user with an installed Pulumi and Node, without Go and without root.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
	accessSync,
	chmodSync,
	constants,
	copyFileSync,
	mkdirSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { tool } from "../../tools/setup.ts";
import { Engine } from "./harness/engine.ts";
import { cannotRun, startWorld, type World } from "./harness/world.ts";

const checkout = join(import.meta.dirname, "..", "..");

/** `nobody`, on every Linux. */
const user = 65534;

/** An engine that this user starts, with a PATH of which every program is known. */
async function ordinaryOperator(world: World): Promise<{
	engine: Engine;
	/** Runs a command as that user. */
	run: (...command: string[]) => ReturnType<typeof spawnSync>;
}> {
	const folder = dirname(world.backend);
	const [bin, temporary] = [join(folder, "bin"), join(folder, "tmp")];
	for (const made of [bin, temporary]) mkdirSync(made);
	// Copies: what the cache of the one who runs the tests holds is not for everybody's eyes.
	for (const name of ["node", "pulumi", "pulumi-language-nodejs"] as const)
		copyFileSync(await tool(name), join(bin, name), constants.COPYFILE_FICLONE);
	for (const name of ["dirname", "cat", "id"])
		symlinkSync(programOf(name), join(bin, name));
	const asUser = join(folder, "as-user");
	const ids = `--reuid=${user} --regid=${user} --clear-groups --no-new-privs`;
	writeFileSync(
		asUser,
		[
			"#!/bin/sh",
			"set -eu",
			...openedCheckout(join(folder, "checkout")),
			`exec ${programOf("setpriv")} ${ids} pulumi "$@"`,
			"",
		].join("\n"),
	);
	chmodSync(asUser, 0o755);
	execFileSync("chown", ["-R", `${user}:${user}`, folder]);
	const unshared = join(folder, "unshared");
	writeFileSync(
		unshared,
		`#!/bin/sh\nexec ${programOf("unshare")} --mount --propagation private ${asUser} "$@"\n`,
	);
	chmodSync(unshared, 0o755);
	const environment = {
		...world.environment,
		PATH: bin,
		TMPDIR: temporary,
		NODE_COMPILE_CACHE: undefined,
	};
	return {
		engine: new Engine(unshared, world.project, environment),
		run: (...command) =>
			spawnSync(programOf("setpriv"), [...ids.split(" "), ...command], {
				env: environment,
				encoding: "utf8",
			}),
	};
}

/**
 * Commands that let everybody enter the checkout, in a mount namespace of its own: its real path may lead through a folder that is
 * nobody else's, as root's home is.
 */
function openedCheckout(aside: string): string[] {
	const parents: string[] = [];
	for (let path = dirname(checkout); path !== "/"; path = dirname(path))
		parents.unshift(path);
	const closed = parents.find((path) => (statSync(path).mode & 0o001) === 0);
	if (closed === undefined) return [];
	mkdirSync(aside);
	const [mount, mkdir] = [programOf("mount"), programOf("mkdir")];
	return [
		`${mount} --bind "${checkout}" "${aside}"`,
		`${mount} --types tmpfs --options mode=0755 tmpfs "${closed}"`,
		`${mkdir} --parents "${checkout}"`,
		`${mount} --bind "${aside}" "${checkout}"`,
	];
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
