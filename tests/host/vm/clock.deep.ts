// A host whose clock is wrong by a year, either way, in each thing that happens to its state. Only here, because the fast lab host shares
// the clock of the machine. What the network makes of such a clock is real too: the certificates of the stand-ins hold for 90 days, and
// the bucket refuses signatures of another time. In the deep tests, because it boots a machine whose processor is translated: minutes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GuestCommandError } from "../../../lab/host/vm/guestAgent.ts";
import { bootMachine, serves, skip } from "./machine.ts";

const year = 365 * 24 * 3600;
const scripts = "/usr/local/libexec/moltbot";
const data = "/var/lib/moltbot";
const said = `${data}/state/said`;

/**
 * Sets the clock back by a year when the copy has noted its last mark before the freeze, the third of a copy that is made anew, and writes once more,
 * keeping size and time of a file: it has a change time of a year ago.
 */
const meddler = `#!/bin/bash
/usr/bin/sync "$@"
echo >>/run/meddler/marks
[[ $(wc --lines </run/meddler/marks) == 3 ]] || exit 0
date --set=@$(($(date +%s) - ${year})) >/dev/null
printf new >${said}
touch --date=@1000000000 ${said}
`;

test("a clock that is wrong by a year loses nothing", {
	skip,
	timeout: 3_000_000,
}, async (t) => {
	const agent = await bootMachine(t, 2048);
	const shell = (script: string) => agent.shell(script);
	const asAgent = (command: string) =>
		shell(
			`setpriv --reuid=2001 --regid=2001 --clear-groups env XDG_RUNTIME_DIR=/run/user/2001 ${command}`,
		);
	const now = async () => Number(await shell("date +%s"));
	const wrong = async (seconds: number) => {
		await shell(`date --set=@${Math.round(Date.now() / 1000) + seconds}`);
		const off = (await now()) - Date.now() / 1000;
		assert.ok(Math.abs(off - seconds) < 600, `the clock is off by ${off} s`);
	};
	const heal = () => shell(`date --set=@${Math.round(Date.now() / 1000)}`);
	const fails = async (command: string): Promise<string> => {
		const error = await shell(command).then(
			() => assert.fail(`${command}: it went through`),
			(reason: unknown) => reason,
		);
		assert.ok(error instanceof GuestCommandError, String(error));
		const last = error.stderr.trimEnd().split("\n").at(-1) ?? "";
		t.diagnostic(`${command.replace(`${scripts}/`, "")}: ${last}`);
		return error.stderr;
	};
	const write = (text: string) =>
		shell(`printf %s ${text} >${said}; chown 2002000:2002000 ${said}`);
	const saved = async () =>
		JSON.parse(
			await shell(
				`cat ${data}/backup/last.json 2>/dev/null || echo '{"sequence":0}'`,
			),
		) as {
			sequence: number;
			snapshot?: string;
		};

	for (const [name, seconds] of [
		["a year ahead", year],
		["a year behind", -year],
	] as const)
		await t.test(name, async (t) => {
			const word = name.replaceAll(" ", "-");

			await t.test("backup", async () => {
				const before = await saved();
				await write(`${word}-backup`);
				await wrong(seconds);
				await fails(`${scripts}/backup`);
				assert.deepEqual(await saved(), before);
				assert.equal(await shell(`cat ${said}`), `${word}-backup`);
				await heal();
				await shell("systemctl start backup.service");
				assert.ok((await saved()).sequence > before.sequence);
				await serves(agent);
			});

			await t.test("destroy", async () => {
				await write(`${word}-destroy`);
				await wrong(seconds);
				await fails(`${scripts}/last-backup`);
				await heal();
				// It was not deleted, so its agent serves again.
				await serves(agent);
				const line = JSON.parse(await shell(`${scripts}/last-backup`));
				assert.equal(line.outcome, "saved");
			});

			await t.test("restore on the next host", async () => {
				await agent.forget();
				await wrong(seconds);
				await fails(`${scripts}/restore`);
				await shell("systemctl restart --no-block restore.service");
				const tries = async () =>
					Number(
						await shell(
							"systemctl show --value --property=NRestarts restore.service",
						),
					);
				while ((await tries()) === 0) await sleep(1000);
				assert.match(await fails(`${scripts}/backup`), /was never restored/);
				assert.equal(
					await shell(`test ! -e ${data}/.restored && ls -A ${data}/state`),
					"",
				);
				await assert.rejects(
					asAgent("systemctl --user is-active moltbot-gateway.service"),
				);
				await heal();
				// No person: the unit tries again.
				await shell(
					`for i in $(seq 1200); do [ -e ${data}/.restored ] && exit 0; sleep 0.5; done; exit 1`,
				);
				await serves(agent);
				assert.match(await shell(`cat ${data}/.restored`), /^restored:/);
				assert.equal(await shell(`cat ${said}`), `${word}-destroy`);
			});
		});

	await t.test("set back while the state is copied", async (t) => {
		const copied = async () => {
			await shell(
				`printf old >${said}; chown 2002000:2002000 ${said}; touch --date=@1000000000 ${said}`,
			);
			// What is young counts as touched anyway.
			await sleep(3000);
			await shell(
				`rm -f /run/meddler/marks; PATH=/run/meddler:$PATH ${scripts}/copy ${data}/backup/try`,
			);
			await heal();
			assert.equal(await shell(`cat ${said}`), "new", "it was written");
			const text = await shell(`cat ${data}/backup/try/state/said`);
			await shell(`rm -rf ${data}/backup/try`);
			return text;
		};
		const encoded = Buffer.from(meddler).toString("base64");
		await shell(
			`mkdir /run/meddler; echo ${encoded} | base64 --decode >/run/meddler/sync; chmod +x /run/meddler/sync`,
		);
		assert.equal(await copied(), "new");
		await t.test("a copy that believes the clock misses it", async () => {
			await shell(
				`cp ${scripts}/copy /run/copy; sed -i '/|| then=0$/d' ${scripts}/copy; ! cmp -s ${scripts}/copy /run/copy`,
			);
			assert.equal(await copied(), "old");
			await shell(`cp /run/copy ${scripts}/copy`);
		});
	});

	await t.test("power comes back with the clock of a year ago", async () => {
		const before = await saved();
		await shell(`printf reboot >${said}; sync; echo lost >${data}/state/lost`);
		await agent.host.cutPower();
		agent.host.clock = new Date(Date.now() - year * 1000);
		await agent.host.boot();
		await agent.host.waitUntilUp(AbortSignal.timeout(600_000));
		// systemd sets a clock that is older than itself to its own age, which is days or months ago.
		const behind = Date.now() / 1000 - (await now());
		assert.ok(behind > 86_400, `${behind} s behind`);
		assert.equal(
			await shell(`cat ${said}; ls ${data}/state/lost 2>&1 || true`).then(
				(text) => /^reboot.*No such file/s.test(text),
			),
			true,
		);
		await serves(agent);
		await fails(`${scripts}/backup`);
		await heal();
		await shell("systemctl start backup.service");
		assert.ok((await saved()).sequence > before.sequence);
	});
	t.diagnostic(`times: ${JSON.stringify(agent.times)}`);
});
