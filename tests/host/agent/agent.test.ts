import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sampleValues } from "../../../infra/testing.ts";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { exposures, type Place } from "../../rendering/exposure.ts";
import { attempts } from "../security/attempts.ts";
import { policyAttempts } from "../security/policyAttempts.ts";
import { AgentHost, type Status } from "./agent.ts";
import { stateFaults } from "./stateFaults.ts";

const nextToken = "discord-canary-two";
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
			"400:2002000",
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

	await t.test(
		"each secret is where docs/security.md says, and nowhere else",
		async () => {
			const [sandbox = ""] = (await agent.podman(sandboxes)).split(" ");
			const { secrets, hostSecrets } = await agent.secrets();
			const values: Record<string, string> = {
				...secrets,
				...hostSecrets,
				"gateway-token": await agent.shell(
					"cat /var/lib/moltbot/secrets/gateway-token",
				),
				"join-key": sampleValues.joinKey,
				"beacon-url": sampleValues.beaconUrl,
			};
			/** Files that hold it; the value travels by standard input, so that no command line does. */
			const files = (value: string, grep: string) =>
				agent.shell(
					`echo ${Buffer.from(value).toString("base64")} | base64 --decode | ${grep} || true`,
				);
			const search =
				"grep --recursive --fixed-strings --files-with-matches --no-messages --file=-";
			const inside = (container: string) =>
				`setpriv --reuid=2001 --regid=2001 --clear-groups env HOME=/var/home/moltbot XDG_RUNTIME_DIR=/run/user/2001 podman --remote --url unix:///run/user/2001/podman/podman.sock exec --interactive ${container} sh -c '${search} /etc /run /tmp /var/lib/moltbot /workspace /proc/[0-9]*/environ'`;
			const places: [Place, string][] = [
				["gateway", `(cd / && ${inside("moltbot-gateway")})`],
				["sandbox", `(cd / && ${inside(sandbox)})`],
				[
					"backup",
					`${search} /var/lib/moltbot/state /var/lib/moltbot/workspace /var/lib/moltbot/projects /var/lib/moltbot/home`,
				],
				[
					"logs",
					"sh -c 'journalctl --boot >/run/journal; grep --fixed-strings --file=- /run/journal'",
				],
				["host disk", `${search} /var/lib/moltbot/secrets /etc/moltbot`],
			];
			let cells = 0;
			for (const { secret, file, in: where } of exposures) {
				const value = values[file ?? ""];
				if (value === undefined) continue;
				for (const [place, grep] of places) {
					const found = await files(value, grep);
					assert.equal(
						found !== "",
						where[place] !== undefined,
						`${secret}, ${place}: ${found}`,
					);
					cells += 1;
				}
			}
			assert.equal(cells, 9 * places.length);
		},
	);

	await t.test(
		"what an attacker tries is refused inside the real containers too",
		async (t) => {
			// With their controls: tests/host/security.
			const [sandbox = ""] = (await agent.podman(sandboxes)).split(" ");
			const inside = { gateway: "moltbot-gateway", sandbox };
			const tried = attempts.filter(
				(attempt) =>
					Object.hasOwn(inside, attempt.from) &&
					!policyAttempts.includes(attempt) &&
					!attempt.script.includes("setuid-id"),
			);
			const faults: string[] = [];
			for (const { name, from, script, refusal } of tried) {
				const encoded = Buffer.from(`exec 2>&1\n${script}`).toString("base64");
				const output = await agent.podman(
					`exec ${inside[from as keyof typeof inside]} bash -c "$(echo ${encoded} | base64 --decode)" || true`,
				);
				if (/^won$/m.test(output) || !refusal.test(output.trim()))
					faults.push(`${from}: ${name}: ${output}`);
			}
			assert.deepEqual(faults, []);
			for (const container of Object.values(inside)) {
				const rights = await agent.podman(
					`exec ${container} grep -E '^(NoNewPrivs|CapBnd|CapEff|Seccomp):' /proc/self/status`,
				);
				assert.deepEqual(rights.split(/\s+/), [
					...["CapEff:", "0000000000000000", "CapBnd:", "0000000000000000"],
					...["NoNewPrivs:", "1", "Seccomp:", "2"],
				]);
			}
			t.diagnostic(`${tried.length} attempts`);
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

	await t.test("a power cut", async () => {
		await agent.cutPower();
		await agent.timed("power cut", async () => {
			await agent.powerUp();
			await agent.ready(300);
		});
		await answers();
	});

	await t.test(
		"a token that Discord refuses is told, and the right one heals it",
		async () => {
			const refused =
				/Discord refuses the token of the bot; correct the item "Discord Bot Token" in the 1Password vault "moltbot"/;
			const isTold = ({ problems: [problem] }: Status) =>
				problem?.permanent === true && refused.test(problem.message);
			await agent.discord.revokeToken();
			await agent.until("a revoked token is told", isTold, 60);
			await agent.deliver("discord-canary-wrong");
			const { problems } = await agent.until(
				"a wrong token is told",
				(status) => isTold(status) && /401/.test(JSON.stringify(status)),
				300,
			);
			assert.match(problems[0]?.message ?? "", /\(401\)/);
			await agent.discord.rotateToken(nextToken);
			await agent.deliver(nextToken);
			await agent.timed("healed", () => agent.ready(300));
			await answers();
		},
	);

	await t.test("its state survives what happens to the host", (t) =>
		stateFaults(t, agent, nextToken),
	);

	t.diagnostic(JSON.stringify(agent.times));
});
