import assert from "node:assert/strict";
import { test } from "node:test";
import { failure, type Shell, startSsh, startStack } from "../testing.ts";
import { readiness } from "./readiness.ts";
import { hostname } from "./testing.ts";

const inputs = {
	hostname,
	address: "100.64.0.2",
	generation: 1,
	deliveryId: "d1",
	deadlineSeconds: 5,
};
const status = (ready: boolean, problem: object = {}, units: object = {}) => ({
	code: 0,
	stdout: `${JSON.stringify({
		version: 1,
		generation: 1,
		ready,
		problems: ready
			? []
			: [
					{
						unit: "moltbot-gateway.service",
						message: "gateway is activating",
						lines: ["pulling the image"],
						...problem,
					},
				],
		units,
	})}\n`,
});

test("waits until the agent is ready and keeps what it said", async (t) => {
	let asked = 0;
	const answers: Shell = (command) => {
		asked++;
		// Then the host waits until there is news.
		assert.equal(
			command,
			`sudo /usr/local/bin/moltbot status --json${asked === 1 ? "" : " --wait 20"}`,
		);
		return asked === 2 ? "drop" : status(asked > 3);
	};
	const { port } = await startSsh(t, answers);
	const { context, said } = await startStack(t, { sshPort: port });
	const { state } = await readiness.create(context, inputs);
	assert.equal(asked, 4);
	assert.equal(JSON.parse(state.summary).ready, true);
	assert.ok(Date.parse(state.readyAt) > 0);
	assert.match(said.join(), /gateway is activating/);
});

test("the deadline: problem, unit and last lines", async (t) => {
	const { port } = await startSsh(t, () => status(false));
	const { context } = await startStack(t, { sshPort: port });
	const error = await failure(
		readiness.create(context, { ...inputs, deadlineSeconds: 1 }),
	);
	assert.equal(error.code, "agent_not_ready");
	assert.match(
		error.message,
		/after 1 s[\s\S]*moltbot-gateway\.service: gateway is activating\n {4}pulling the image/,
	);
});

test("a permanent problem is not waited out", async (t) => {
	const { port } = await startSsh(t, () =>
		status(false, { permanent: true, message: "the Discord token is wrong" }),
	);
	const { context } = await startStack(t, { sshPort: port });
	const begin = performance.now();
	const error = await failure(
		readiness.create(context, { ...inputs, deadlineSeconds: 600 }),
	);
	assert.match(error.message, /the Discord token is wrong/);
	assert.ok(performance.now() - begin < 5000);
});

test("a refresh: alive keeps, dead fails, out of reach keeps and warns", async (t) => {
	let answer: ReturnType<Shell> = status(true);
	const { port } = await startSsh(t, () => answer);
	const { context, said } = await startStack(t, { sshPort: port });
	const { id, state } = await readiness.create(context, inputs);
	const seen = await readiness.read?.(context, id, state);
	assert.equal(seen?.deliveryId, "d1");
	answer = status(false, { message: "gateway failed" });
	const dead = await failure(readiness.read?.(context, id, state));
	assert.equal(dead.code, "agent_dead");
	assert.match(dead.message, /gateway failed/);
	answer = { code: 1, stderr: "moltbot: not found" };
	assert.match(
		(await failure(readiness.read?.(context, id, state))).message,
		/moltbot: not found/,
	);
	answer = "drop";
	assert.deepEqual(await readiness.read?.(context, id, state), state);
	assert.ok(
		said.some(
			(line) => line.startsWith("warning") && line.includes(state.readyAt),
		),
	);
});

test("a host of another version is told apart from a dead one", async (t) => {
	const { port } = await startSsh(t, () => ({
		code: 0,
		stdout: '{"version":2}',
	}));
	const { context } = await startStack(t, { sshPort: port });
	const error = await failure(readiness.create(context, inputs));
	assert.equal(error.code, "unexpected_host_answer");
	assert.match(error.message, /version: /);
});
