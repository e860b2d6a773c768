// The policy before a real control server: headscale evaluates `tests` and `sshTests` against nodes that exist.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { tailnetPolicy } from "../../../infra/tailnetPolicy.ts";
import { tool } from "../../../tools/setup.ts";

const run = promisify(execFile);

async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as { port: number };
	server.close();
	return port;
}

/** A headscale on loopback with the operator's device and a tagged host; `check` says what it thinks of a policy. */
async function controlServer(t: TestContext) {
	const program = await tool("headscale");
	const folder = mkdtempSync(join(tmpdir(), "moltbot-policy-"));
	const at = (name: string) => join(folder, name);
	const write = (name: string, value: unknown) =>
		writeFileSync(at(name), JSON.stringify(value));
	const listen = `127.0.0.1:${await freePort()}`;
	write("config.yaml", {
		server_url: `http://${listen}`,
		listen_addr: listen,
		metrics_listen_addr: "127.0.0.1:0",
		grpc_listen_addr: "127.0.0.1:0",
		noise: { private_key_path: at("noise.key") },
		prefixes: { v4: "100.64.0.0/10", allocation: "sequential" },
		derp: {
			server: { enabled: false },
			urls: [],
			paths: [at("derp.yaml")],
			auto_update_enabled: false,
		},
		disable_check_updates: true,
		database: { type: "sqlite", sqlite: { path: at("db.sqlite") } },
		policy: { mode: "database" },
		dns: {
			magic_dns: false,
			base_domain: "tailnet.test",
			override_local_dns: false,
			nameservers: { global: [] },
		},
		unix_socket: at("headscale.sock"),
		logtail: { enabled: false },
		log: { level: "error" },
	});
	// YAML, because the number of a region may be no text.
	writeFileSync(
		at("derp.yaml"),
		"regions: {900: {regionid: 900, regioncode: t, regionname: t, nodes: []}}\n",
	);
	const headscale = (...argv: string[]) =>
		run(program, ["-c", at("config.yaml"), ...argv]);
	const server: ChildProcess = spawn(
		program,
		["-c", at("config.yaml"), "serve"],
		{ stdio: ["ignore", "ignore", "inherit"] },
	);
	t.after(async () => {
		server.kill();
		if (server.exitCode === null) await once(server, "exit");
		rmSync(folder, { recursive: true, force: true });
	});
	const deadline = AbortSignal.timeout(30_000);
	while (!(await headscale("users", "list").catch(() => undefined))) {
		deadline.throwIfAborted();
		assert.equal(server.exitCode, null, "headscale ended early");
		await sleep(100);
	}
	await headscale("users", "create", "operator");
	for (const name of ["laptop", "moltbot"]) {
		const key = `hskey-authreq-${randomBytes(12).toString("hex")}`;
		const who = ["--user", "operator"];
		await headscale(
			"debug",
			"create-node",
			"--name",
			name,
			"--key",
			key,
			...who,
		);
		await headscale("auth", "register", "--auth-id", key, ...who);
	}
	write("owners.json", {
		tagOwners: { "tag:moltbot": ["operator@"] },
		grants: [],
	});
	await headscale("policy", "set", "--file", at("owners.json"));
	await headscale("nodes", "tag", "--identifier", "2", "--tags", "tag:moltbot");
	return {
		check: async (policy: unknown): Promise<string> => {
			write("policy.json", policy);
			return headscale("policy", "check", "--file", at("policy.json")).then(
				() => "valid",
				(error: { stderr: string }) => error.stderr,
			);
		},
	};
}

test("a control server takes the policy, and its tests catch whoever loosens it", {
	timeout: 600_000,
}, async (t) => {
	const { check } = await controlServer(t);
	const policy = tailnetPolicy({ tag: "tag:moltbot", operators: "operator@" });
	assert.equal(await check(policy), "valid");

	const loosened: [string, unknown, RegExp][] = [
		[
			"everybody reaches everything",
			{
				...policy,
				grants: [...policy.grants, { src: ["*"], dst: ["*"], ip: ["*"] }],
			},
			/tag:moltbot/,
		],
		[
			"the agent's port is open to the operator",
			{
				...policy,
				grants: [
					...policy.grants,
					{ src: ["operator@"], dst: ["tag:moltbot"], ip: ["tcp:18789"] },
				],
			},
			/18789/,
		],
		[
			"hosts log in to each other",
			{
				...policy,
				ssh: [
					...policy.ssh,
					{
						action: "accept",
						src: ["tag:moltbot"],
						dst: ["tag:moltbot"],
						users: ["core"],
					},
				],
			},
			/core/,
		],
		[
			"SSH as root",
			{
				...policy,
				ssh: [
					{
						action: "accept",
						src: ["operator@"],
						dst: ["tag:moltbot"],
						users: ["core", "root"],
					},
				],
			},
			/root/,
		],
		["the operator is locked out", { ...policy, grants: [] }, /tag:moltbot:22/],
	];
	for (const [name, value, sentence] of loosened)
		assert.match(await check(value), sentence, name);
	// Control: without its tests the loosest of them is accepted.
	const [, loosest] = loosened[0] ?? [];
	assert.equal(
		await check({ ...(loosest as object), tests: [], sshTests: [] }),
		"valid",
	);
});
