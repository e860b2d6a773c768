import assert from "node:assert/strict";
import { test } from "node:test";
import { bornName } from "../objects.ts";
import { failure, startSsh } from "../testing.ts";
import { beacon } from "./beacon.ts";
import { boot } from "./boot.ts";
import { isBorn } from "./generation.ts";
import { instance } from "./instance.ts";
import {
	type BegunStack,
	begin,
	bucketName,
	hostInputs,
	hostname,
	instanceInputs,
	tag,
} from "./testing.ts";

async function ready(stack: BegunStack, deadlineSeconds = 5) {
	const { id } = await instance.create(stack.context, instanceInputs(stack));
	const key = await stack.context.b2.createKey(
		"host-g1",
		stack.bucketId,
		["listFiles", "readFiles", "writeFiles"],
		undefined,
	);
	const { endpoint, region } = await stack.context.b2.s3();
	const { state } = await beacon.create(stack.context, {
		bucketName,
		s3Endpoint: endpoint,
		region,
		generation: 1,
		keyId: key.applicationKeyId,
		key: key.applicationKey,
	});
	const say = async (report: object) => {
		const answer = await stack.lab.call("PUT", state.url, {
			headers: { "content-type": "application/json" },
			body: JSON.stringify({
				version: 1,
				generation: 1,
				at: "2026-01-01T00:00:00Z",
				lines: [],
				...report,
			}),
		});
		assert.equal(answer.status, 200, answer.text);
	};
	const inputs = {
		...hostInputs(stack, id),
		beaconObject: state.object,
		deadlineSeconds,
	};
	return { inputs, say };
}

test("waits for the device and the shell, tells the stages, and notes the birth", async (t) => {
	const { port, commands } = await startSsh(t, () => ({ code: 0 }));
	const stack = await begin(t, { sshPort: port });
	const { inputs, say } = await ready(stack);
	const run = boot.create(stack.context, inputs);
	const heard = (words: RegExp) =>
		stack.context.http.pause(5, "").then(async function again(): Promise<void> {
			if (words.test(stack.said.join("\n"))) return;
			await stack.context.http.pause(5, "");
			return again();
		});
	await heard(/power-on/);
	await say({ stage: "rebase", unit: "rebase.service" });
	await heard(/rebase: rebase\.service/);
	assert.equal(await isBorn(stack.context, bucketName, 1), false);
	const device = stack.coordination.addDevice({ hostname, tags: [tag] });
	const { state } = await run;
	assert.deepEqual(
		[state.deviceId, state.address, state.fqdn],
		[device.id, device.addresses[0], "moltbot.tailnet.test"],
	);
	assert.deepEqual(commands, ["true"]);
	assert.equal(await isBorn(stack.context, bucketName, 1), true);
	assert.equal(bornName(1), "moltbot/born/1.json");
});

test("a host that reports a failure fails at once, with unit and last lines", async (t) => {
	const stack = await begin(t);
	const { inputs, say } = await ready(stack);
	await say({
		stage: "failed",
		unit: "rebase.service",
		lines: ["signature of image is not valid"],
	});
	const error = await failure(boot.create(stack.context, inputs));
	assert.equal(error.code, "boot_failed");
	assert.match(
		error.message,
		/failed at the stage "rebase" in rebase\.service/,
	);
	assert.match(error.message, /signature of image is not valid/);
	assert.equal(await isBorn(stack.context, bucketName, 1), false);
});

test("a report of an older generation says nothing", async (t) => {
	const stack = await begin(t);
	const { inputs, say } = await ready(stack, 1);
	await say({ stage: "failed", unit: "x.service", generation: 9 });
	const error = await failure(boot.create(stack.context, inputs));
	assert.match(error.message, /within 1 s.*stage "power-on"/);
});

test("a host that never joins: the last stage, and what comes next", async (t) => {
	const stack = await begin(t);
	const { inputs, say } = await ready(stack, 1);
	await say({
		stage: "join",
		unit: "join.service",
		lines: ["authkey expired"],
	});
	const error = await failure(boot.create(stack.context, inputs));
	assert.match(error.message, /"join" in join\.service/);
	assert.match(error.message, /authkey expired[\s\S]*bootMinutes/);
});

test("the VM disappears or is stopped while it boots", async (t) => {
	const stack = await begin(t);
	const { inputs } = await ready(stack);
	await stack.lab.call(
		"POST",
		`https://api.vultr.com/v2/instances/${inputs.instanceId}/halt`,
		{ headers: { authorization: "Bearer lab-vultr-key" } },
	);
	const stopped = await failure(boot.create(stack.context, inputs));
	assert.match(stopped.message, /was stopped at Vultr/);
	await stack.context.vultr.deleteInstance(inputs.instanceId);
	const gone = await failure(boot.create(stack.context, inputs));
	assert.match(gone.message, /was deleted at Vultr/);
});

test("joined, but this machine is not let in: the policy is named, nothing is born", async (t) => {
	const { port } = await startSsh(t, () => ({ code: 0 }), {
		refuse: "tailscale: tailnet policy does not permit you",
	});
	const stack = await begin(t, { sshPort: port });
	const { inputs } = await ready(stack);
	stack.coordination.addDevice({ hostname, tags: [tag] });
	const error = await failure(boot.create(stack.context, inputs));
	assert.equal(error.code, "ssh_refused");
	assert.match(error.message, /has joined the tailnet, but/);
	assert.equal(await isBorn(stack.context, bucketName, 1), false);
});
