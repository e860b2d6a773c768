// `pulumi up` with one thing broken before the host can be asked: each ends in its time, names the stage, and shows the last lines of the unit
// that failed. They come by way of the beacon: the operator cannot look into a machine (lab.test.ts). A lab each, side by side, because nearly
// all of the time is waiting.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { socketFetch } from "../../../lab/socketFetch.ts";
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

/** What the machine printed, by the lab's privilege. */
function console({ world: { place } }: TestLab): string {
	const [machine = ""] = readdirSync(place.machines);
	return readFileSync(join(place.machines, machine, "console.log"), "utf8");
}

suite("an up whose host does not come", {
	skip: hostMissing() ?? false,
	concurrency: true,
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
		// As an expired key: it is there, and the control server takes it no more.
		while ((await lab.instances()).length === 0) await sleep(100);
		const answer = await call(url, { headers });
		for (const { id } of keys.parse(await answer.json()).keys)
			await call(`${url}/${id}`, { method: "DELETE", headers });
		const said = await up;
		assert.match(said, /failed at the stage "join" in join\.service/);
		assert.match(said, /\n +backend error: invalid (pre auth )?key/);
	});
});
