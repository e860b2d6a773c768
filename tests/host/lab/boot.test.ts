// `pulumi up` with one thing broken before the host can be asked: each ends in its time, names the stage, and shows the last lines of the unit
// that failed. They come by way of the beacon: the operator cannot look into a machine (lab.test.ts). A lab each, some side by side, because
// nearly all of the time is waiting.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { destroyCommand } from "../../../lab/commands/up.ts";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { socketFetch } from "../../../lab/socketFetch.ts";
import { tool } from "../../../tools/setup.ts";
import { filesOf } from "../../engine/harness/ignition.ts";
import { isMutation } from "../../engine/harness/mutations.ts";
import { TestLab } from "./testLab.ts";

const keys = z.object({ keys: z.array(z.object({ id: z.string() })) });

async function raise(t: TestContext): Promise<TestLab> {
	const lab = await TestLab.raise();
	t.after(() => lab.clean());
	return lab;
}

/** An up that must fail; how long it takes is told. */
async function failing(t: TestContext, lab: TestLab): Promise<string> {
	const begin = performance.now();
	const said = await lab.upFails();
	const seconds = Math.round((performance.now() - begin) / 1000);
	t.diagnostic(`${t.name}: ended after ${seconds} s`);
	return said;
}

/** The VM that an up has ordered meanwhile. */
async function ordered(lab: TestLab) {
	for (;;) {
		const [machine] = await lab.instances();
		if (machine) return machine;
		await sleep(100);
	}
}

/** Another machine joins with this key, as who has read it in the user-data of the VM. */
async function joinBefore(
	t: TestContext,
	{ folder, world: { operator } }: TestLab,
	key: string,
): Promise<void> {
	const socket = join(folder, "other.sock");
	const stopping = new AbortController();
	t.after(() => stopping.abort());
	operator
		.ask(
			[
				await tool("tailscaled"),
				...["--tun=userspace-networking", "--port=0", "--no-logs-no-support"],
				...[`--statedir=${join(folder, "other")}`, `--socket=${socket}`],
			],
			{ signal: stopping.signal },
		)
		.catch(() => "stopped");
	while (!existsSync(socket)) await sleep(50);
	const { code, stderr } = await operator.ask([
		...[await tool("tailscale"), `--socket=${socket}`, "up"],
		`--auth-key=${key}`,
		...["--hostname=other", "--timeout=30s"],
	]);
	assert.equal(code, 0, stderr);
}

/** What the machine printed, by the lab's privilege. */
function console({ world: { place } }: TestLab): string {
	const [machine = ""] = readdirSync(place.machines);
	return readFileSync(join(place.machines, machine, "console.log"), "utf8");
}

suite("an up whose host does not come", {
	skip: hostMissing() ?? false,
	concurrency: 3,
	timeout: 600_000,
}, () => {
	test("Ignition refuses the document", async (t) => {
		const lab = await raise(t);
		lab.change("butane/moltbot.bu", (text) =>
			text.replace(
				/^ {2}files:\n/m,
				`$&    - path: /etc/broken\n      contents: { inline: x, verification: { hash: sha512-${"0".repeat(128)} } }\n`,
			),
		);
		await lab.configure("bootMinutes", "1");
		const said = await failing(t, lab);
		assert.match(
			said,
			/did not join the tailnet within 60 s; it was last at the stage "power-on"/,
		);
		assert.match(said, /The console of the VM \(https:\/\/my\.vultr\.com\)/);
		assert.match(console(lab), /hash verification failed/);
		assert.doesNotMatch(said, /hash verification|Ignition stage/);
	});

	test("the rebase is refused, because the image has another signature", async (t) => {
		const lab = await raise(t);
		const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
		await lab.configure("osSigningKey", pem);
		const said = await failing(t, lab);
		assert.match(said, /failed at the stage "rebase" in rebase\.service/);
		assert.match(said, /\n +.*(signature|Signature)/);
	});

	test("the join key is revoked before the host has used it", async (t) => {
		const lab = await raise(t);
		const call = socketFetch(lab.world.place.controlSocket);
		const url = "https://api.tailscale.com/api/v2/tailnet/-/keys";
		const headers = {
			authorization: `Bearer ${lab.world.account.tailscaleKey}`,
		};
		const up = failing(t, lab);
		await ordered(lab);
		const answer = await call(url, { headers });
		for (const { id } of keys.parse(await answer.json()).keys)
			await call(`${url}/${id}`, { method: "DELETE", headers });
		const said = await up;
		assert.match(said, /failed at the stage "join" in join\.service/);
		assert.match(said, /\n +backend error: invalid (pre auth )?key/);
	});

	test("the join key has been used by somebody else", async (t) => {
		const lab = await raise(t);
		const up = failing(t, lab);
		const { user_data } = await ordered(lab);
		const key = filesOf(Buffer.from(user_data)).get("/etc/moltbot/join-key");
		await joinBefore(t, lab, key?.trim() ?? "");
		const said = await up;
		assert.match(said, /failed at the stage "join" in join\.service/);
		assert.match(said, /\n +backend error: authkey already used/);
		// Who does not want to wait until the key is an hour old gives the host up: it has nothing to save.
		await lab.succeed(destroyCommand);
		assert.deepEqual(await lab.instances(), []);
	});

	test("the join key has expired", async (t) => {
		const lab = await raise(t);
		lab.change("infra/tailnet.ts", (text) =>
			text.replace("joinKeySeconds = 3600", "joinKeySeconds = 2"),
		);
		const said = await failing(t, lab);
		assert.match(said, /failed at the stage "join" in join\.service/);
		assert.match(said, /\n +backend error: authkey expired/);
	});

	test("the tag is not in the policy of the tailnet: told before anything is ordered", async (t) => {
		const lab = await raise(t);
		await lab.configure("tag", "tag:nobody");
		const said = await failing(t, lab);
		assert.match(said, /the tailnet policy has no owner for tag:nobody; it/);
		assert.deepEqual(await lab.instances(), []);
		for (const cloud of ["vultr", "tailscale", "backblaze"]) {
			const requests = await lab.world.control.requests({ cloud });
			assert.ok(requests.length > 0, cloud);
			assert.deepEqual(requests.filter(isMutation), [], cloud);
		}
	});
});
