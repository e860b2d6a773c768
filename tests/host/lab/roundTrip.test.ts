// What was said to the agent comes back with it: after a pause, under another name, after the Pulumi state was lost, after the engine was
// killed around the last backup. Asked where a person would ask, in the chat; and the model stand-in, which knows only what it is sent, shows
// the earlier turns. One lab lives through all of it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { destroyCommand } from "../../../lab/commands/up.ts";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { asAgent, TestLab, until } from "./testLab.ts";

const missing = hostMissing();

const asked = z.object({
	messages: z.array(z.object({ role: z.string(), content: z.string() })),
});
const tailnet = z.object({
	Peer: z.record(z.string(), z.object({ HostName: z.string() })).nullish(),
});

suite("what was said", { skip: missing ?? false, timeout: 1_500_000 }, () => {
	let lab: TestLab;
	const told: string[] = [];

	/** Says something that a later answer can show. */
	const tell = async () => {
		const word = randomBytes(6).toString("hex");
		assert.match(await lab.dm(`remember that ${word}`), new RegExp(word));
		told.push(word);
	};
	/** Everything that was told stands in the next answer, and stood in what the model was asked. */
	const isRemembered = async () => {
		const { control } = lab.world;
		const turns = { cloud: "anthropic", path: "^/v1/messages$" };
		const since = (await control.requests(turns)).at(-1)?.seq;
		const answer = await lab.dm("what do you remember?");
		const [request] = await control.requests({ ...turns, since });
		const { messages } = asked.parse(JSON.parse(request?.body ?? ""));
		const notes = messages.flatMap(({ role, content }) =>
			role === "user" && content.startsWith("remember that ")
				? [content.slice("remember that ".length)]
				: [],
		);
		assert.deepEqual(notes, told);
		assert.equal(answer, `You asked me to remember: ${told.join("; ")}`);
	};
	const pause = async () => {
		await lab.succeed(destroyCommand);
		assert.deepEqual(await lab.instances(), []);
	};
	/** As `npm run lab -- resume`. */
	const resume = async () => {
		await lab.world.raise(() => {});
		return lab.up();
	};
	const machines = async () => (await lab.instances()).map(({ id }) => id);
	/** What the agent says of itself once it has come back out of its backup. */
	const assertRestored = async (generation: number) => {
		const { ready, state, ...status } = await lab.status();
		assert.deepEqual(
			[ready, status.generation, state.restore],
			[true, generation, "restored"],
		);
	};
	/**
	 * Kills the engine of a destroy at the first request of this kind, which is refused until then, so that what is being done does not end.
	 *
	 * @returns requests of the destroy until then
	 */
	const killDestroyAt = async (cloud: string, method: string, path: string) => {
		const { control, operator } = lab.world;
		const since = (await control.requests()).at(-1)?.seq;
		await control.fault({
			...{ cloud, method, path, count: null },
			action: { status: 503 },
		});
		let ended = false;
		const killed = lab.ask(destroyCommand).finally(() => {
			ended = true;
		});
		const refused = async () =>
			(await control.requests({ since, cloud, method, path })).length > 0;
		while (!(await refused())) {
			assert.ok(!ended, "the destroy ended before it was killed");
			await sleep(50);
		}
		await lab.killEngine();
		const { code, said } = await killed;
		assert.notEqual(code, 0, said);
		const requests = await control.requests({ since });
		await control.clearFaults();
		await operator.clear();
		return requests;
	};
	/** Kills a destroy, as `killDestroyAt`, of an agent that was told more: the host had told that its backup is there, and lives. */
	const killSavedDestroyAt = async (
		...where: Parameters<typeof killDestroyAt>
	) => {
		await tell();
		const before = await machines();
		const requests = await killDestroyAt(...where);
		const isSaved = requests.some(
			({ method, path, status }) =>
				method === "PUT" &&
				path.endsWith("/moltbot/last-backup.json") &&
				status === 200,
		);
		assert.ok(isSaved);
		assert.deepEqual(await machines(), before);
		return before;
	};

	before(async () => {
		if (missing) return;
		lab = await TestLab.raise();
	});
	after(() => lab?.clean());

	test("a new agent remembers nothing, then what it is told", async () => {
		await lab.up();
		assert.match(
			await lab.dm("what do you remember?"),
			/^You have not asked me to remember anything/,
		);
		await tell();
		await isRemembered();
	});

	test("after a pause it is there again, under another host name too", async () => {
		await pause();
		await lab.configure("hostname", "lobster");
		await resume();
		assert.equal(lab.world.operator.hostname, "lobster");
		await assertRestored(2);
		const { Peer } = tailnet.parse(
			JSON.parse(await lab.succeed(["tailscale", "status", "--json"])),
		);
		const names = Object.values(Peer ?? {}).map(({ HostName }) => HostName);
		assert.deepEqual(names, ["lobster"]);
		await isRemembered();
	});

	test("the Pulumi state is lost while the agent lives: up finds the machine and goes on with it", async () => {
		await tell();
		const before = await machines();
		lab.loseState();
		await resume();
		assert.deepEqual(await machines(), before);
		await isRemembered();
	});

	test("the engine is killed while the last backup is being read back: an up instead of the pause has the agent answer", async () => {
		// Nothing but the reading back needs data.
		const data = "/restic/data/";
		const before = await killSavedDestroyAt("backblaze", "GET", data);
		await resume();
		assert.deepEqual(await machines(), before);
		await isRemembered();
	});

	test("the engine is killed when the last backup has been read back: a reboot starts nothing, the next pause ends it, resume has it all", async () => {
		await killSavedDestroyAt("vultr", "DELETE", "^/v2/instances/");
		// What was saved is the last: a host that starts again meanwhile leaves its agent alone.
		await lab.reboot();
		await until("the gateway was refused", 120, async () => {
			const { stdout } = await lab.ask(
				lab.ssh(
					...asAgent(
						"systemctl --user show moltbot-gateway.service --property=ActiveState,ConditionResult,ConditionTimestampMonotonic",
					),
				),
			);
			return (
				/^ActiveState=inactive$/m.test(stdout) &&
				/^ConditionResult=no$/m.test(stdout) &&
				/^ConditionTimestampMonotonic=[1-9]/m.test(stdout)
			);
		});
		await pause();
		await resume();
		await assertRestored(3);
		await isRemembered();
	});

	test("the Pulumi state is lost while it is paused: settings, vault and bucket are enough", async () => {
		await tell();
		await pause();
		lab.loseState();
		await resume();
		await assertRestored(4);
		await isRemembered();
	});
});
