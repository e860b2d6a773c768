import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { master } from "../../../lab/clouds/backblaze/testing.ts";
import { temporaryDirectory } from "../../../lab/clouds/testing.ts";
import { rescue } from "../../../operator/rescue.ts";
import { marker, ok, state } from "./asserts.ts";
import { assertWhole, readBusy, startBusy } from "./busy.ts";
import { diskMissing, machine } from "./disk.ts";
import { faults, type Held, steps } from "./faults.ts";
import { type StateHost, skip, startState } from "./host.ts";
import { labClient } from "./operator.ts";
import { copyState, RealAgent } from "./realAgent.ts";
import { publish, record, table } from "./table.ts";

/** The pairs to run: every fault once and every step at least once, or all of them. */
function pairs(seed: number): [string, string][] {
	const [f, s] = [Object.keys(faults), Object.keys(steps)];
	if (process.env.MOLTBOT_TEST_DEEP)
		return f.flatMap((fault) =>
			s.map((step): [string, string] => [fault, step]),
		);
	return f.map((fault, i) => [fault, s[(i * 3 + seed) % s.length] ?? ""]);
}

/** What a restore says where a damaged pack belongs to every snapshot. */
const lost = /no snapshot could be restored; nothing was started and nothing/;
const seed = Number(process.env.MOLTBOT_TEST_SEED ?? 1);
const said = `${state}/said`;
const image = (digit: number) =>
	`registry.test/gateway@sha256:${String(digit).repeat(64)}`;

async function deliver(host: StateHost, digit: number, generation = 3) {
	const document = {
		version: 1,
		generation,
		hostSecrets: host.secrets,
		images: {
			gateway: image(digit),
			backup: `registry.test/restic@sha256:${"1".repeat(64)}`,
		},
	};
	writeFileSync(host.at("tmp/order.json"), JSON.stringify(document));
}

const commandOf = {
	backup: ["/usr/local/libexec/moltbot/backup"],
	restore: ["/usr/local/libexec/moltbot/restore"],
	"last-backup": ["/usr/local/libexec/moltbot/last-backup"],
	deliver: [
		"bash",
		"-c",
		"/usr/local/libexec/moltbot/deliver </tmp/order.json",
	],
};

/** What all cells have in common. */
interface Matrix {
	readonly world: Awaited<ReturnType<typeof startState>>;
	/** Where the gateway says that it is well. */
	readonly health: string;
	/** Who made the state. */
	readonly agent: RealAgent;
	/** Folder for the state that the last cell ended with. */
	readonly newest: string;
}

/** One cell of the matrix. */
async function cell(
	t: TestContext,
	{ world, health, agent, newest }: Matrix,
	[fault, step]: [string, string],
	name: string,
) {
	let bucket = name;
	const { command, at: place } = steps[step] ?? assert.fail(step);
	const { admin } = world;
	const bucketId = await admin.bucket(bucket, {
		bucketInfo: { moltbot: "backup" },
	});
	let key = await admin.key({ bucketIds: [bucketId] });
	const prepare = async (generation: number) => {
		const { disk, slice, unit } = machine(t);
		const host = await world.host(generation, {
			root: disk.folder,
			slice,
			unit,
			bucket,
			key,
		});
		host.append(
			"etc/moltbot/platform.env",
			`MOLTBOT_HEALTH_URL=${health}\nMOLTBOT_CHANGE_SECONDS=20\nMOLTBOT_VERSION=\n`,
		);
		return { host, disk, slice, unit };
	};
	const first = await prepare(3);
	ok(await first.host.script("restore"));
	copyState(agent.state, first.host.at(state));
	writeFileSync(first.host.at(said), "one");
	if (command === "deliver") {
		await deliver(first.host, 1);
		ok(await first.host.run(...commandOf.deliver));
		await deliver(first.host, 2);
	}
	await startBusy(first.slice, first.host, state, seed);
	ok(await first.host.script("backup"));
	writeFileSync(first.host.at(said), "two");
	if (command === "restore") {
		ok(await first.host.script("backup"));
		await first.slice.kill();
	}
	const subject = command === "restore" ? await prepare(4) : first;
	const { host } = subject;
	host.whileFrozen();
	ok(await host.run("sync", "--file-system", "/tmp"));

	// The step is reached, then it goes wrong.
	writeFileSync(host.at("tmp/hook-at"), place);
	const child = host.start(...commandOf[command]);
	let text = "";
	child.stdout.on("data", () => {});
	child.stderr.on("data", (chunk: Buffer) => {
		text += chunk.toString();
	});
	const ended = once(child, "close");
	while (!existsSync(host.at("tmp/reached"))) {
		assert.equal(child.exitCode, null, `${step} was not reached: ${text}`);
		await sleep(20);
	}
	const held: Held = {
		...subject,
		state: world,
		bucket,
		bucketId,
		go: () => writeFileSync(host.at("tmp/go"), ""),
		kill: async () => {
			await subject.unit.kill();
			await ended;
		},
	};
	const before = new Date(world.lab.world.clock.now()).toISOString();
	world.lab.world.clock.advance(1000);
	const inject = faults[fault] ?? assert.fail(fault);
	const heal = await inject(held);
	const [status] = await ended;
	await heal();

	// Whatever happened: no marker without the whole state behind it.
	if (command === "restore" && existsSync(host.at(marker)))
		assert.equal(host.text(said), /the one before/.test(text) ? "one" : "two");
	if (command !== "restore") assert.equal(host.text(said), "two");

	for (const name of ["hook-at", "reached", "go"])
		rmSync(host.at(`tmp/${name}`), { force: true });
	const damaged = fault === "flipped byte" || fault === "truncated pack";
	if (fault === "two hosts") {
		const again = await host.script(command === "deliver" ? "backup" : command);
		if (!existsSync(host.at(marker)) || command !== "restore")
			assert.match(again.stderr, /a later host has taken over/);
	} else {
		// The next ordinary run needs no person; the operator's program sends the key that is valid by then.
		if (command === "deliver") await deliver(host, 2);
		const again = await host.run(...commandOf[command]);
		if (!damaged || command !== "restore" || !lost.test(again.stderr))
			assert.equal(again.status, 0, `the next run: ${again.stderr}`);
		text += again.stderr;
	}
	// The next host gets what is valid by then.
	const { secrets } = host;
	key = { id: secrets["backup-key-id"], secret: secrets["backup-key"] };
	let next = await prepare(9);
	let restored = await next.host.script("restore");
	let rescued = "";
	if (damaged && restored.status !== 0) {
		// A pack that all snapshots share: nothing starts, nothing is saved, and the operator has the repository of before.
		assert.match(restored.stderr, lost);
		assert.equal(existsSync(next.host.at(marker)), false);
		bucket = `${name}-rescued`;
		const b2 = labClient(t, world.lab, master);
		await rescue({ b2, say() {} }, { bucket: name, at: before, into: bucket });
		const fresh = await b2.bucket(bucket);
		key = await admin.key({ bucketIds: [fresh?.bucketId ?? ""] });
		next = await prepare(10);
		restored = await next.host.script("restore");
		rescued = "; rescued";
	}
	assert.equal(restored.status, 0, restored.stderr);
	const content = next.host.text(said);
	if (damaged || fault === "two hosts") {
		assert.match(content, /^(one|two)$/);
		if (damaged && !rescued && content === "one" && command === "restore")
			assert.match(text + restored.stderr, /the one before is taken/);
	} else assert.equal(content, "two");
	// What OpenClaw knew is all there, and of the busy agent's work all up to one moment; to its end, where it was stopped before.
	const back = next.host.at(state);
	assert.equal(agent.contents(back), agent.contents(agent.state));
	await first.slice.kill();
	const saved = readBusy(back);
	assertWhole(saved);
	const { log } = readBusy(first.host.at(state));
	assert.ok(log.startsWith(saved.log), "the agent never was like this");
	if (command === "last-backup" && !damaged && fault !== "two hosts")
		assert.equal(saved.log, log);
	rmSync(newest, { recursive: true, force: true });
	copyState(back, newest);
	const run = (status === 0 ? "went through" : "failed") + rescued;
	record({ fault, step, run });
}

test("the fault matrix", {
	skip: skip || diskMissing() || false,
	timeout: 7_200_000,
}, async (t) => {
	const fact = `the lamp is green (seed ${seed})`;
	const agent = await RealAgent.told(t, fact);
	const world = await startState(t);
	const server = createServer((_, response) => response.end());
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const health = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
	t.diagnostic(`seed ${seed}`);
	const newest = join(temporaryDirectory(t), "newest");
	const matrix = { world, health, agent, newest };
	const only = process.env.MOLTBOT_TEST_CELLS;
	for (const [i, pair] of pairs(seed).entries())
		if (only === undefined || pair.join(" / ").match(only))
			await t.test(pair.join(" / "), (inner) =>
				cell(inner, matrix, pair, `faults-${i}`),
			);
	const remembered = await agent.ask(newest, "what do you remember?");
	assert.ok(remembered.includes(fact), remembered);
	const names = [Object.keys(faults), Object.keys(steps)] as const;
	t.diagnostic(table(...names));
	if (process.env.MOLTBOT_TEST_DEEP) publish(...names);
});
