// What the real agent knows, and what a program of it keeps writing, while kills and power cuts meet backup, destroy and restore of a host
// with real units, containers and freezer. tests/host/state has every fault at every step, by the scripts alone.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { until } from "../lab/testLab.ts";
import { assertWhole, type BusyWork, writer } from "../state/busy.ts";
import type { AgentHost } from "./agent.ts";

const scripts = "/usr/local/libexec/moltbot";
const busy = "/var/lib/moltbot/projects/busy";
const marker = "/var/lib/moltbot/.restored";
/** Requests that carry or fetch the content of a snapshot. */
const content = { cloud: "backblaze", path: "/data/[0-9a-f]{2}/" };
const saving = { ...content, method: "PUT" };
const fetching = { ...content, method: "GET" };

/**
 * Breaks an agent that is ready, and goes on with it.
 *
 * @param token of the bot, as it is valid now
 */
export async function stateFaults(
	t: TestContext,
	agent: AgentHost,
	token: string,
): Promise<void> {
	const told: string[] = [];
	const { control } = agent;
	const tell = async () => {
		const word = randomBytes(6).toString("hex");
		assert.match(await agent.ask(`remember that ${word}`), new RegExp(word));
		told.push(word);
	};
	const assertRemembered = async () => {
		const answer = await agent.ask("what do you remember?");
		for (const word of told) assert.ok(answer.includes(word), answer);
	};
	/** From now on the bucket refuses these for a while; ends when a unit that is started, or one that runs, has tried. */
	const refusing = async (
		requests: typeof saving,
		start = "true",
	): Promise<void> => {
		const since = (await control.requests()).at(-1)?.seq;
		await control.fault({ ...requests, count: null, action: { status: 503 } });
		await agent.shell(start);
		const refused = async () =>
			(await control.requests({ since, ...requests })).length > 0;
		await until("a refused request", 60, refused);
	};
	const sequence = async (): Promise<number> =>
		JSON.parse(
			await agent.shell(
				`cat /var/lib/moltbot/backup/last.json 2>/dev/null || echo '{"sequence":0}'`,
			),
		).sequence;
	const backsUp = async () => {
		const before = await sequence();
		await agent.shell("systemctl start backup.service");
		assert.ok((await sequence()) > before);
	};
	/** A program of the agent in its container: it ends with the gateway. */
	const keepBusy = async () => {
		const source = readFileSync(writer).toString("base64");
		await agent.shell(
			`install --directory --owner=2002000 --group=2002000 ${busy}; echo ${source} | base64 --decode >${busy}.ts; chown 2002000:2002000 ${busy}.ts`,
		);
		await agent.podman(
			`exec --detach moltbot-gateway node --disable-warning=ExperimentalWarning ${busy}.ts ${busy} 1`,
		);
		const size = () =>
			agent.shell(`stat --format=%s ${busy}/log 2>/dev/null || echo 0`);
		const before = await size();
		await until("rows", 30, async () => (await size()) !== before);
	};
	/** What that program has left, as it lies on the disk; it does not run. */
	const left = async (): Promise<BusyWork> => {
		const text = await agent.shell(
			`rm -rf /run/busy; cp --archive ${busy} /run/busy; cd /run/busy
for name in busy journal; do sqlite3 $name.sqlite 'pragma integrity_check' | head -n 1; done
sqlite3 -separator ' ' busy.sqlite 'select count(*), coalesce(max(n), 0) from entry'; cat log; rm -r /run/busy`,
		);
		const [first = "", second = "", rows = "", ...log] = text.split("\n");
		const [count = 0, last = 0] = rows.split(" ").map(Number);
		const lines = log.map((line) => `${line}\n`).join("");
		return { checks: [first, second], rows: [count, last], log: lines };
	};
	const stopTimers = "systemctl stop --quiet backup.timer drill.timer";
	const startBackup = "systemctl start --no-block backup.service";
	const startDestroy = `systemd-run --quiet --unit=destroy --collect --no-block ${scripts}/last-backup`;

	await agent.shell(stopTimers);
	await keepBusy();
	await tell();

	await t.test(
		"a backup is killed: nobody stays frozen, the next one saves",
		async () => {
			await refusing(saving, startBackup);
			await agent.shell("systemctl kill --signal=KILL backup.service");
			await control.clearFaults();
			await agent.shell(
				"for i in $(seq 300); do systemctl is-failed --quiet backup.service && exit 0; sleep 0.1; done; exit 1",
			);
			await assertRemembered();
			await backsUp();
		},
	);

	await t.test(
		"the power goes in a backup: the agent comes back, the next backup saves",
		async () => {
			await tell();
			await refusing(saving, startBackup);
			await agent.cutPower();
			await control.clearFaults();
			await agent.powerUp();
			await agent.shell(stopTimers);
			await agent.ready(300);
			assertWhole(await left());
			await keepBusy();
			await backsUp();
		},
	);

	await t.test(
		"a destroy is killed: the next one saves all until the agent stopped",
		async () => {
			await tell();
			await refusing(saving, startDestroy);
			await agent.shell("systemctl kill --signal=KILL destroy.service");
			await control.clearFaults();
			const line = JSON.parse(await agent.shell(`${scripts}/last-backup`));
			assert.equal(line.outcome, "saved");
		},
	);

	await t.test(
		"a restore is killed, then the power goes: it goes on by itself, and the agent knows everything",
		async () => {
			const lived = await left();
			assertWhole(lived);
			await agent.forget();
			const interrupted = agent.deliver(token).then(
				() => "went through",
				() => "ended with the power",
			);
			await refusing(fetching);
			await agent.shell("systemctl kill --signal=KILL restore.service");
			await control.clearFaults();
			// It tries again, and nothing starts before.
			await refusing(fetching);
			assert.equal(
				await agent.shell(
					`ls ${marker} /etc/moltbot/delivery.json 2>/dev/null || true`,
				),
				"",
			);
			await agent.cutPower();
			await control.clearFaults();
			assert.equal(await interrupted, "ended with the power");
			await agent.powerUp();
			await agent.shell(
				`for i in $(seq 600); do [ -e ${marker} ] && exit 0; sleep 0.2; done; exit 1`,
			);
			const restored = await left();
			assertWhole(restored);
			assert.equal(restored.log, lived.log);
			await agent.deliver(token);
			await agent.ready(300);
			await assertRemembered();
			await backsUp();
		},
	);

	await t.test(
		"the power goes while the images are pulled: what is torn is pulled anew",
		async () => {
			await tell();
			// As on a new host: nothing of them is there, nor on its way to the disk.
			await agent.shell("systemctl stop user@2001.service");
			await agent.shell(
				"rm -rf /var/home/moltbot/.local/share/containers/storage; sync; systemctl start user@2001.service",
			);
			await until(
				"the gateway's image",
				60,
				async () =>
					(await agent.podman("images --quiet moltbot-gateway")) !== "",
			);
			await agent.cutPower();
			await agent.powerUp();
			await agent.ready(300);
			await assertRemembered();
		},
	);
}
