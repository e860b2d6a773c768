import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./ssh.ts";
import { failure, startSsh } from "./testing.ts";

const patience = { unreachable: 200, refused: 200, attempt: 2000 };
const never = new AbortController().signal;
const target = (port: number, hostKey?: string) => ({
	address: "127.0.0.1",
	port,
	user: "core",
	hostKey,
});

test("a command gets its input, and gives output and exit status", async (t) => {
	const { port } = await startSsh(t, (command, stdin) => ({
		code: 7,
		stdout: `${command}|${stdin}`,
		stderr: "why",
	}));
	const session = await connect(target(port), never, patience);
	const run = { command: "cat", stdin: "in", deadline: 2000, doing: "trying" };
	assert.deepEqual(await session.run(run), {
		code: 7,
		stdout: "cat|in",
		stderr: "why",
	});
	// One connection carries several commands.
	assert.equal((await session.run(run)).code, 7);
	session.close();
});

test("an exit status that comes after the end of the output", async (t) => {
	const { port } = await startSsh(t, () => ({ code: 3, exitsAfter: 100 }));
	const session = await connect(target(port), never, patience);
	const run = { command: "true", deadline: 2000, doing: "trying" };
	assert.equal((await session.run(run)).code, 3);
	assert.equal((await session.run({ ...run, stdin: "in" })).code, 3);
	session.close();
});

test("a policy that forbids the user: the banner and the rule that is missing", async (t) => {
	const refuse =
		'tailscale: tailnet policy does not permit you to SSH as user "core"';
	const { port } = await startSsh(t, () => ({ code: 0 }), { refuse });
	const error = await failure(connect(target(port), never, patience));
	assert.equal(error.code, "ssh_refused");
	assert.match(error.message, /tailnet policy does not permit/);
	assert.match(error.message, /action "accept"/);
});

test("nobody listens", async () => {
	const error = await failure(connect(target(1), never, patience));
	assert.equal(error.code, "ssh_unreachable");
	assert.match(error.message, /ECONNREFUSED.*tailscale status/);
});

test("the host key is checked where one is given", async (t) => {
	const { port, hostKey } = await startSsh(t, () => ({ code: 0 }));
	(await connect(target(port, hostKey), never, patience)).close();
	const other = await startSsh(t, () => ({ code: 0 }));
	const error = await failure(
		connect(target(port, other.hostKey), never, patience),
	);
	assert.equal(error.code, "ssh_refused");
	assert.match(error.message, /another host key/);
});

test("a connection that breaks under a command", async (t) => {
	const { port } = await startSsh(t, () => "drop");
	const session = await connect(target(port), never, patience);
	const error = await failure(
		session.run({ command: "x", deadline: 2000, doing: "saving" }),
	);
	assert.equal(error.code, "ssh_unreachable");
	assert.match(error.message, /broke while saving/);
});

test("a command that does not end", async (t) => {
	const { port } = await startSsh(t, () => "hang");
	const session = await connect(target(port), never, patience);
	const error = await failure(
		session.run({ command: "x", deadline: 50, doing: "saving" }),
	);
	assert.equal(error.code, "timeout");
	assert.match(error.message, /saving/);
});

test("an interruption ends the attempts", async () => {
	const controller = new AbortController();
	setTimeout(() => controller.abort(), 30);
	const error = await failure(
		connect(target(1), controller.signal, {
			...patience,
			unreachable: 60_000,
		}),
	);
	assert.equal(error.code, "interrupted");
});

test("an interruption ends a command that runs", async (t) => {
	const { port } = await startSsh(t, () => "hang");
	const controller = new AbortController();
	const session = await connect(target(port), controller.signal, patience);
	setTimeout(() => controller.abort(), 30);
	const error = await failure(
		session.run({ command: "x", deadline: 5000, doing: "saving" }),
	);
	assert.equal(error.code, "interrupted");
});
