// All stand-ins as one process, the way the lab runs them: what each holds survives the process, also one that was killed.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import tls from "node:tls";
import { defaultAccount } from "./backblaze/index.ts";
import { catalog } from "./catalog.ts";
import { type ControlClient, controlClient } from "./client.ts";
import { emptyImage } from "./registry/testing.ts";
import { temporaryDirectory } from "./testing.ts";

interface Running {
	child: ChildProcess;
	control: ControlClient;
}

/** Starts `main.ts` and leads this process's own requests to it. */
async function start(
	t: TestContext,
	state: string,
	config: string,
): Promise<Running> {
	const child = spawn(
		process.execPath,
		[
			join(import.meta.dirname, "main.ts"),
			...["--state", state, "--config", config, "--proxy", "127.0.0.1:0"],
		],
		{ stdio: ["ignore", "pipe", "inherit"] },
	);
	t.after(() => child.kill("SIGKILL"));
	const [line] = await once(createInterface(child.stdout), "line");
	const ready = JSON.parse(String(line));
	tls.setDefaultCACertificates([readFileSync(ready.ca, "utf8")]);
	t.after(http.setGlobalProxyFromEnv(ready.environment));
	return { child, control: controlClient(ready.controlSocket) };
}

async function json(
	url: string,
	{ body, ...init }: Omit<RequestInit, "body"> & { body?: unknown } = {},
) {
	const response = await fetch(url, {
		...init,
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
	const text = await response.text();
	assert.ok(response.ok, `${url}: ${response.status} ${text}`);
	return text === "" ? undefined : JSON.parse(text);
}

const bearer = (token: string) => ({
	authorization: `Bearer ${token}`,
	"content-type": "application/json",
});
const basic = (user: string, password: string) => ({
	authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

/** Something at every stand-in. */
async function use(): Promise<void> {
	await json("https://api.vultr.com/v2/firewalls", {
		method: "POST",
		headers: bearer("lab-vultr-key"),
		body: { description: "kept" },
	});
	await json("https://api.tailscale.com/api/v2/tailnet/-/keys", {
		method: "POST",
		headers: {
			...basic("tskey-api-lab", ""),
			"content-type": "application/json",
		},
		body: {
			capabilities: { devices: { create: { tags: ["tag:moltbot"] } } },
			description: "kept",
		},
	});
	const { accountId, masterKey } = defaultAccount;
	const login = await json(
		"https://api.backblazeb2.com/b2api/v4/b2_authorize_account",
		{ headers: basic(accountId, masterKey) },
	);
	await json("https://api004.backblazeb2.com/b2api/v4/b2_create_bucket", {
		method: "POST",
		headers: { authorization: login.authorizationToken },
		body: { accountId, bucketName: "kept-bucket", bucketType: "allPrivate" },
	});
	const vaults = "https://connect.1password.lab.test/v1/vaults";
	const [vault] = await json(vaults, { headers: bearer("keeper") });
	await json(`${vaults}/${vault.id}/items`, {
		method: "POST",
		headers: bearer("keeper"),
		body: { title: "kept", category: "PASSWORD", vault: { id: vault.id } },
	});
	await json("https://discord.com/_lab/dms", {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: { user: "ada", text: "kept" },
	});
	await json("https://api.anthropic.com/_lab/key", {
		method: "PUT",
		headers: { "content-type": "application/json" },
		body: { apiKey: "sk-ant-kept" },
	});
}

async function snapshots(control: ControlClient) {
	const all: Record<string, unknown> = {};
	for (const { name } of catalog) all[name] = await control.snapshot(name);
	return all;
}

test("what every stand-in holds survives SIGKILL and a new start", async (t) => {
	const folder = temporaryDirectory(t);
	const state = join(folder, "state");
	const layout = join(folder, "image");
	const digest = await emptyImage(layout, "kept");
	const config = join(folder, "config.json");
	writeFileSync(
		config,
		JSON.stringify({
			onepassword: {
				seed: {
					vaults: [{ name: "moltbot" }],
					connectTokens: [
						{ token: "keeper", vaults: ["moltbot"], write: true },
					],
				},
			},
			registry: {
				layouts: [
					{ folder: layout, repository: "ghcr.io/test/kept", tag: "1" },
				],
			},
			discord: { token: "discord-token" },
		}),
	);
	const first = await start(t, state, config);
	const empty = await snapshots(first.control);
	await use();
	await first.control.advanceClock(3_600_000);
	const before = await snapshots(first.control);
	const clock = await first.control.now();
	const requests = await first.control.requests({ method: "POST" });
	// The registry's image came with the configuration.
	for (const { name } of catalog)
		if (name !== "registry")
			assert.notDeepEqual(before[name], empty[name], `${name} was not used`);
	first.child.kill("SIGKILL");
	await once(first.child, "exit");

	const second = await start(t, state, config);
	assert.deepEqual(await snapshots(second.control), before);
	assert.ok((await second.control.now()) >= clock);
	// Questions are answered from memory; the log of earlier runs is the file.
	const log = readFileSync(join(state, "requests.jsonl"), "utf8");
	for (const { path } of requests) assert.ok(log.includes(path), path);
	const { token } = await json(
		"https://ghcr.io/token?service=ghcr.io&scope=repository:test/kept:pull",
	);
	const manifest = await json(
		`https://ghcr.io/v2/test/kept/manifests/${digest}`,
		{ headers: { authorization: `Bearer ${token}` } },
	);
	assert.equal(manifest.schemaVersion, 2);
});
