import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Books, booksOf } from "./harness/state.ts";
import { canaries, cannotRun, sharedWorld } from "./harness/world.ts";

const bucket = "moltbot-test-7f3c9a";

// One stack from its first preview to its second life; each test goes on where the one before it ended.
suite("the life of a stack", { skip: cannotRun }, () => {
	const world = sharedWorld();
	let untouched: Books;

	/** Nothing of the engine's work changed anything anywhere. */
	async function assertNothingChanged(): Promise<void> {
		assert.deepEqual(await world().mutations(), []);
		await world().control.clearRequests();
	}

	test("a preview before the first up changes nothing", async () => {
		untouched = await booksOf(world().control);
		const preview = await world().preview();
		assert.equal(preview.code, 0, preview.output);
		assert.ok(preview.changes.includes("create instance"), preview.output);
		await assertNothingChanged();
	});

	test("up creates one host and delivers to it", async () => {
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		const [host, ...others] = world().hypervisor.hosts;
		assert.ok(host);
		assert.deepEqual(others, []);
		assert.equal(host.generation, 1);
		assert.equal(host.state, "fresh");
		const [delivery, ...more] = host.deliveries;
		assert.deepEqual(more, []);
		assert.deepEqual(delivery?.secrets, {
			"discord-bot-token": canaries.discord,
			"anthropic-api-key": canaries.anthropic,
			"github-token": canaries.github,
		});
	});

	test("the outputs say how to reach the agent, what it costs and what runs", async () => {
		const { readyAt, ...outputs } = await world().outputs();
		const [host] = world().hypervisor.hosts;
		const { os, images } = host?.deliveries.at(-1) ?? {};
		assert.deepEqual(outputs, {
			hostname: "moltbot",
			address: host?.address,
			shell: "tailscale ssh core@moltbot",
			pairing: "tailscale ssh core@moltbot moltbot pairing list",
			bucket,
			price: { running: 20, paused: 0 },
			images: { os, ...images },
		});
		assert.match(String(readyAt), /^\d{4}-\d\d-\d\dT/);
	});

	test("a second up, a preview and a refresh change nothing", async () => {
		await world().control.clearRequests();
		const deliveries = world().hypervisor.hosts[0]?.deliveries.length;
		for (const operation of ["up", "refresh", "preview"] as const) {
			const before = resourcesOf(await world().export());
			const run = await world()[operation]();
			assert.equal(run.code, 0, run.output);
			assert.deepEqual(run.changes, [], operation);
			assert.deepEqual(resourcesOf(await world().export()), before, operation);
			await assertNothingChanged();
		}
		assert.equal(world().hypervisor.hosts[0]?.deliveries.length, deliveries);
	});

	test("off the tailnet, up, preview and refresh work where nothing has changed", async () => {
		const { behaviour } = world().hypervisor;
		const before = resourcesOf(await world().export());
		behaviour.reachable = false;
		try {
			for (const operation of ["up", "preview", "refresh"] as const) {
				const run = await world()[operation]();
				assert.equal(run.code, 0, run.output);
				assert.deepEqual(run.changes, [], operation);
				await assertNothingChanged();
				if (operation === "refresh")
					assert.match(run.output, /last known ready at \d{4}-/);
			}
			assert.deepEqual(resourcesOf(await world().export()), before);
		} finally {
			behaviour.reachable = true;
		}
	});

	test("destroy leaves the bucket with its history and nothing else", async () => {
		const full = await booksOf(world().control);
		const destroy = await world().destroy();
		assert.equal(destroy.code, 0, destroy.output);
		const { buckets, ...left } = await booksOf(world().control);
		const { buckets: _, ...nothing } = untouched;
		assert.deepEqual(left, nothing);
		assert.deepEqual(Object.keys(buckets), [bucket]);
		const history = buckets[bucket] ?? [];
		assert.ok(history.includes("moltbot/last-backup.json"), String(history));
		for (const name of full.buckets[bucket] ?? [])
			assert.ok(history.includes(name), `${name} is gone`);
		assert.equal(world().hypervisor.hosts[0]?.powered, false);
	});

	test("the next up adopts the bucket, and its host is generation 2 and restores", async () => {
		const up = await world().up();
		assert.equal(up.code, 0, up.output);
		assert.match(up.output, /its history is kept/);
		const [, second, ...others] = world().hypervisor.hosts;
		assert.deepEqual(others, []);
		assert.equal(second?.generation, 2);
		assert.equal(second.state, "restored");
		const { buckets, keys } = await booksOf(world().control);
		assert.deepEqual(Object.keys(buckets), [bucket]);
		assert.ok(keys.includes(`${bucket}-g2`) && !keys.includes(`${bucket}-g1`));
	});
});

/** What clouds count by themselves: a used-up join key and the members of a group are no change of the stack. */
const counted = ["invalid", "instanceCount", "dateModified"];

/** Inputs and outputs of every resource in a state; secrets, encrypted anew each time, by their place only. */
function resourcesOf(exported: string): Record<string, unknown> {
	const { deployment } = JSON.parse(exported);
	const resources: [string, unknown][] = deployment.resources.map(
		({ urn, id, inputs, outputs }: Record<string, unknown>) => [
			String(urn),
			JSON.parse(
				JSON.stringify({ id, inputs, outputs }, (key, value) =>
					key === "ciphertext" || counted.includes(key) ? "" : value,
				),
			),
		],
	);
	return Object.fromEntries(resources.sort());
}
