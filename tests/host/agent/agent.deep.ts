import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { AgentHost } from "./agent.ts";

const sandboxes =
	"ps --all --filter label=openclaw.sandbox=1 --format '{{.ID}} {{.State}}'";

test("the agent answers out of a sandbox, and goes on doing so whatever happens around it", {
	// The first run on a machine builds the images.
	timeout: 3_600_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const agent = await AgentHost.boot(t);
	const said = (since: number) =>
		agent.control.requests({ since, cloud: "anthropic", path: "/v1/messages" });
	const lastRequest = async () =>
		(await agent.control.requests()).at(-1)?.seq ?? 0;

	await t.test("a first delivery ends with a connected agent", async () => {
		await agent.timed("deliver", () => agent.deliver());
		await agent.timed("ready", () => agent.ready(1200));
		const asked = await agent.control.requests({ cloud: "discord" });
		assert.ok(asked.length > 0);
		assert.equal(await agent.discord.connected(), 1);
	});

	await t.test("no secret is where it can be read", async () => {
		const inspected = await agent.podman("inspect moltbot-gateway");
		assert.doesNotMatch(inspected, /canary/);
		assert.doesNotMatch(await agent.shell("journalctl --boot"), /canary/);
		const secret = "/var/lib/moltbot/secrets/discord-bot-token";
		assert.equal(
			await agent.shell(`stat --format=%a:%u ${secret}`),
			"400:2001",
		);
	});

	await t.test(
		"a stranger gets a code and no turn, until approved",
		async () => {
			const before = await lastRequest();
			const { content } = await agent.discord.ask("stranger", "hello", {
				deadline: 300_000,
			});
			const code = /\b[A-Z0-9]{8}\b/.exec(content)?.[0];
			assert.ok(code, content);
			assert.deepEqual(await said(before), []);
			assert.match(
				await agent.shell("moltbot pairing list --json"),
				new RegExp(code),
			);
			await agent.shell(`moltbot pairing approve ${code}`);
			const answer = await agent.discord.ask("stranger", "hello again", {
				deadline: 300_000,
			});
			assert.match(answer.content, /lab model/);
			assert.ok((await said(before)).length > 0);
		},
	);

	await t.test(
		"the owner's command runs in a sibling sandbox of uid 2001",
		async () => {
			const first = await agent.timed("first turn", () =>
				agent.ask("run this command: id -u; test ! -e /run/podman; echo $?"),
			);
			assert.match(first, /printed:\s+2001\s+0/);
			const [line = "", ...more] = (await agent.podman(sandboxes)).split("\n");
			assert.deepEqual(more, []);
			const [id, state] = line.split(" ");
			assert.equal(state, "running");
			// A file that is nowhere but in the sandbox's own memory.
			const nonce = randomBytes(12).toString("hex");
			await agent.podman(`exec ${id} sh -c 'echo ${nonce} >/tmp/nonce'`);
			const answer = await agent.timed("turn", () =>
				agent.ask("run this command: cat /tmp/nonce"),
			);
			assert.match(answer, new RegExp(nonce));
			await assert.rejects(
				agent.podman("exec moltbot-gateway cat /tmp/nonce"),
				/No such file/,
			);
		},
	);

	await t.test(
		"the gateway gets sandboxes of the engine, and nothing else",
		async () => {
			const image = await agent.podman(
				"inspect --format '{{.ImageName}}' moltbot-gateway",
			);
			const inGateway = "exec moltbot-gateway podman";
			for (const args of [
				`run --rm ${image} true`,
				`run --rm --privileged --network=host --volume=/:/host ${image} true`,
				"exec moltbot-engine true",
				"rm --force moltbot-engine",
				`rmi ${image}`,
			])
				await assert.rejects(
					agent.podman(`${inGateway} ${args}`),
					/refused by the host/,
					args,
				);
			// Control: the engine itself does it.
			await agent.podman(`run --rm --entrypoint=true ${image}`);
			assert.match(
				await agent.shell("journalctl --boot CONTAINER_NAME=moltbot-engine"),
				/refused: POST .*containers\/create/,
			);
		},
	);

	const answers = async () => {
		const nonce = randomBytes(6).toString("hex");
		assert.match(
			await agent.ask(`run this command: echo ${nonce} | rev`),
			new RegExp([...nonce].reverse().join("")),
		);
	};

	await t.test("a restart of Discord and of the model", async () => {
		await agent.stopClouds();
		await agent.startClouds();
		await agent.timed("reconnected", () => agent.ready(180));
		await answers();
	});

	await t.test("a reboot", async () => {
		const bootId = () => agent.shell("cat /proc/sys/kernel/random/boot_id");
		const before = await bootId();
		await agent.shell("systemctl reboot");
		await agent.timed("reboot", async () => {
			while ((await bootId().catch(() => before)) === before) await sleep(200);
			await agent.ready(300);
		});
		await answers();
	});

	t.diagnostic(JSON.stringify(agent.times));
});
