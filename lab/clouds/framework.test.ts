import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { promisify } from "node:util";
import { Hono } from "hono";
import { WebSocket, WebSocketServer } from "ws";
import { z } from "zod";
import { controlClient } from "./client.ts";
import type { Cloud, World } from "./cloud.ts";
import { startClouds } from "./server.ts";
import { startTestLab, temporaryDirectory } from "./testing.ts";
import { createWorld, uuid } from "./world.ts";

const run = promisify(execFile);

function echo(world: World): Cloud & { seen: string[] } {
	const seen: string[] = [];
	const sockets = new WebSocketServer({ noServer: true });
	const app = new Hono();
	app.all("/silent", (c) => {
		seen.push("silent");
		return c.text("did not read the body");
	});
	app.all("/*", async (c) => {
		const body = await c.req.text();
		seen.push(`${c.req.method} ${c.req.path}`);
		return c.json({ url: c.req.url, body, now: world.clock.now() });
	});
	return {
		name: "echo",
		hosts: ["api.echo.test", "*.echo.example"],
		app,
		seen,
		snapshot: () => ({ seen }),
		upgrade: (request, socket, head) =>
			sockets.handleUpgrade(request, socket, head, (ws) => {
				ws.on("message", (data) => ws.send(`echo ${String(data)}`));
			}),
	};
}

test("a request reaches the cloud of its host over TLS with the lab's CA, and is logged", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)]);
	const answer = await lab.call("POST", "https://api.echo.test/a/b?c=d", {
		body: { x: 1 },
	});
	assert.equal(answer.status, 200);
	assert.equal(answer.json.url, "https://api.echo.test/a/b?c=d");
	assert.equal(answer.json.body, '{"x":1}');
	const wild = await lab.call("GET", "https://eu.echo.example/");
	assert.equal(wild.json.url, "https://eu.echo.example/");

	const [first, second] = await lab.control.requests();
	assert.ok(first && second);
	assert.deepEqual(
		{ ...first, time: "" },
		{
			seq: 1,
			time: "",
			cloud: "echo",
			method: "POST",
			host: "api.echo.test",
			path: "/a/b",
			query: "?c=d",
			userAgent: "",
			body: '{"x":1}',
			status: 200,
		},
	);
	assert.equal(second.seq, 2);
	assert.deepEqual(
		await lab.control.requests({ since: 1, method: "POST" }),
		[],
	);
	assert.deepEqual(await lab.control.snapshot("echo"), {
		seen: ["POST /a/b", "GET /"],
	});
	await lab.close();
	const lines = readFileSync(
		join(lab.world.stateDir, "requests.jsonl"),
		"utf8",
	).trimEnd();
	assert.equal(lines.split("\n").length, 2);
});

test("a name without a stand-in gets 421 and is logged without a cloud", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)]);
	const answer = await lab.call("GET", "https://elsewhere.test/");
	assert.equal(answer.status, 421);
	assert.equal((await lab.control.requests())[0]?.cloud, "");
	const deep = await lab.call("GET", "https://a.b.echo.example/");
	assert.equal(deep.status, 421, "a wildcard covers one label");
});

test("two stand-ins cannot answer for one name", async (t) => {
	await assert.rejects(
		startTestLab(t, (world) => [echo(world), { ...echo(world), name: "two" }]),
		/echo and two answer for api\.echo\.test/,
	);
});

test("the log keeps the first 64 KiB of a body, also where the cloud does not read it", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)]);
	const big = "x".repeat(200_000);
	const answer = await lab.call("POST", "https://api.echo.test/", {
		body: big,
	});
	assert.equal(answer.json.body.length, 200_000);
	assert.equal((await lab.control.requests())[0]?.body.length, 65536);
	await lab.call("POST", "https://api.echo.test/silent", { body: "canary" });
	assert.equal(
		(await lab.control.requests({ path: "silent" }))[0]?.body,
		"canary",
	);
});

test("the clock moves, shows in Date headers, and survives a restart", async (t) => {
	const stateDir = temporaryDirectory(t);
	const lab = await startTestLab(t, (world) => [echo(world)], { stateDir });
	const hour = 3_600_000;
	const before = await lab.control.now();
	const after = await lab.control.advanceClock(2 * hour);
	assert.ok(after - before >= 2 * hour && after - before < 2 * hour + 60_000);
	const answer = await lab.call("GET", "https://api.echo.test/");
	const shown = Date.parse(String(answer.headers.date));
	assert.ok(Math.abs(shown - answer.json.now) < 2000);
	await assert.rejects(lab.control.advanceClock(-1), /400/);
	await lab.close();
	assert.ok(createWorld(stateDir).clock.now() >= after);
});

test("faults: status with JSON, HTML and headers, the n-th request, a count", async (t) => {
	const cloud: { seen: string[] }[] = [];
	const lab = await startTestLab(t, (world) => {
		const made = echo(world);
		cloud.push(made);
		return [made];
	});
	await lab.control.fault({
		cloud: "echo",
		method: "post",
		path: "^/things",
		nth: 2,
		count: 2,
		action: {
			status: 429,
			body: { error: "slow down" },
			headers: { "Retry-After": "2" },
		},
	});
	const statuses = [];
	for (let i = 0; i < 5; i++)
		statuses.push(
			(await lab.call("POST", "https://api.echo.test/things")).status,
		);
	assert.deepEqual(statuses, [200, 429, 429, 200, 200]);
	assert.equal(
		(await lab.call("GET", "https://api.echo.test/things")).status,
		200,
	);
	assert.equal(cloud[0]?.seen.length, 4, "a refused call never happens");

	await lab.control.fault({
		count: null,
		action: { status: 502, body: "<html>Bad Gateway</html>" },
	});
	const html = await lab.call("GET", "https://api.echo.test/");
	assert.equal(html.status, 502);
	assert.equal(html.headers["content-type"], "text/html");
	await lab.control.clearFaults();
	assert.equal((await lab.call("GET", "https://api.echo.test/")).status, 200);
	await assert.rejects(
		lab.control.fault({ path: "(", action: "reset" }),
		/not a regular expression/,
	);
});

test("faults: reset before, and done but never answered", async (t) => {
	const cloud: { seen: string[] }[] = [];
	const lab = await startTestLab(t, (world) => {
		const made = echo(world);
		cloud.push(made);
		return [made];
	});
	await lab.control.fault({ path: "/never", action: "reset" });
	await assert.rejects(lab.call("POST", "https://api.echo.test/never"), {
		code: "ECONNRESET",
	});
	assert.deepEqual(cloud[0]?.seen, []);
	await lab.control.fault({ path: "/done", action: "after" });
	await assert.rejects(
		lab.call("POST", "https://api.echo.test/done", { body: "x" }),
		{ code: "ECONNRESET" },
	);
	assert.deepEqual(cloud[0]?.seen, ["POST /done"]);
	const [never, done] = await lab.control.requests();
	assert.deepEqual([never?.status, never?.fault], [null, "reset"]);
	assert.deepEqual(
		[done?.status, done?.fault, done?.body],
		[null, "after", "x"],
	);
});

test("faults: a delay holds the call before or after the deed", async (t) => {
	const cloud: { seen: string[] }[] = [];
	const lab = await startTestLab(t, (world) => {
		const made = echo(world);
		cloud.push(made);
		return [made];
	});
	await lab.control.fault({ action: { delay: 120 } });
	const start = performance.now();
	await lab.call("GET", "https://api.echo.test/slow");
	assert.ok(performance.now() - start >= 119);

	await lab.control.fault({ action: { delay: 3_600_000, after: true } });
	const held = lab.call("POST", "https://api.echo.test/held");
	const ended = assert.rejects(held, { code: "ECONNRESET" });
	const deadline = performance.now() + 5000;
	while (!cloud[0]?.seen.includes("POST /held")) {
		assert.ok(performance.now() < deadline);
		await new Promise((resolve) => setImmediate(resolve));
	}
	const [entry] = await lab.control.requests({ path: "/held" });
	assert.equal(entry?.status, null, "an unanswered call is visible");
	await lab.close();
	await ended;
});

test("WebSockets reach the cloud, through the proxy and with faults too", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)]);
	const open = () => {
		const [host, port] = String(lab.addresses.tls[0]).split(":");
		return new WebSocket("wss://api.echo.test/ws", {
			createConnection: () =>
				tlsConnect({
					host,
					port: Number(port),
					servername: "api.echo.test",
					ca: lab.ca.pem,
				}),
		});
	};
	const socket = open();
	await once(socket, "open");
	socket.send("hello");
	const [data] = await once(socket, "message");
	assert.equal(String(data), "echo hello");
	socket.close();
	assert.equal((await lab.control.requests())[0]?.status, 101);

	await lab.control.fault({ action: { status: 503 } });
	const refused = open();
	const [error] = await once(refused, "error");
	assert.match(String(error), /503/);
	await lab.control.fault({ action: "reset" });
	const [reset] = await once(open(), "error");
	assert.match(String(reset), /ECONNRESET|hang up/);
});

test("the proxy leads Node to the stand-ins and nowhere else", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)], {
		proxyListen: "127.0.0.1:0",
	});
	const script = `
		const ok = await (await fetch("https://api.echo.test/by-proxy")).json();
		const plain = await (await fetch("http://api.echo.test/plain")).json();
		const away = await fetch("https://example.com/").then(() => "reached", () => "refused");
		console.log(JSON.stringify([ok.url, plain.url, away]));
	`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
		env: { ...process.env, ...lab.environment },
		stdio: ["ignore", "pipe", "inherit"],
	});
	let text = "";
	child.stdout.on("data", (chunk) => {
		text += chunk;
	});
	await once(child, "close");
	assert.deepEqual(JSON.parse(text), [
		"https://api.echo.test/by-proxy",
		"http://api.echo.test/plain",
		"refused",
	]);
});

test("an injected reset reaches a client behind the proxy", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)], {
		proxyListen: "127.0.0.1:0",
	});
	const [host, port] = String(lab.addresses.proxy).split(":");
	const tunnel = connect(Number(port), host);
	tunnel.on("error", () => {});
	tunnel.write("CONNECT nobody.test:443 HTTP/1.1\r\nHost: nobody.test\r\n\r\n");
	const [refusal] = await once(tunnel, "data");
	assert.match(String(refusal), /^HTTP\/1\.1 502/);
	tunnel.destroy();
});

test("plain HTTP where it is asked for, routed by the same names", async (t) => {
	const lab = await startTestLab(t, (world) => [echo(world)], {
		listenPlain: ["127.0.0.1:0"],
	});
	const [host, port] = String(lab.addresses.plain[0]).split(":");
	const text = await new Promise<string>((resolve, reject) => {
		get(
			{ host, port, path: "/x", headers: { host: "api.echo.test" } },
			async (incoming) => {
				let body = "";
				for await (const chunk of incoming) body += chunk;
				resolve(body);
			},
		).on("error", reject);
	});
	assert.equal(JSON.parse(text).url, "http://api.echo.test/x");
});

test("stores: atomic, checked, kept", (t) => {
	const dir = temporaryDirectory(t);
	const schema = z.object({ n: z.number() });
	const initial = { n: 1 };
	const first = createWorld(dir).store("things", schema, initial);
	first.data.n = 7;
	assert.equal(initial.n, 1, "the initial value is not shared");
	first.save();
	assert.equal(createWorld(dir).store("things", schema, initial).data.n, 7);
	writeFileSync(join(dir, "things.json"), '{"n":"x"}');
	assert.throws(() => createWorld(dir).store("things", schema, initial), {
		code: "lab-store",
		message: /things\.json does not fit/,
	});
	writeFileSync(join(dir, "things.json"), "{");
	assert.throws(() => createWorld(dir).store("things", schema, initial), {
		code: "lab-store",
	});
});

test("a seed repeats identifiers from an empty directory, a later start hands out others", (t) => {
	const [a, b] = [temporaryDirectory(t), temporaryDirectory(t)];
	const one = createWorld(a, { seed: "s" });
	const two = createWorld(b, { seed: "s" });
	const first = [uuid(one), one.random(40)];
	assert.deepEqual(first, [uuid(two), two.random(40)]);
	assert.match(
		String(first[0]),
		/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
	);
	assert.equal(first[1]?.length, 80);
	assert.notEqual(uuid(createWorld(a, { seed: "s" })), first[0]);
});

test("a state directory belongs to one lab; the CA stays the same", async (t) => {
	const stateDir = temporaryDirectory(t);
	const lab = await startTestLab(t, (world) => [echo(world)], { stateDir });
	await assert.rejects(
		startClouds({ world: createWorld(stateDir), clouds: [] }),
		{ code: "lab-start", message: /already runs/ },
	);
	const before = lab.ca.pem;
	await lab.close();
	const again = await startTestLab(t, (world) => [echo(world)], { stateDir });
	assert.equal(again.ca.pem, before);
	assert.equal((await again.call("GET", "https://api.echo.test/")).status, 200);
});

test("a bad or taken address ends in one sentence", async (t) => {
	const lab = await startTestLab(t, () => []);
	const world = createWorld(temporaryDirectory(t));
	await assert.rejects(
		startClouds({ world, clouds: [], listen: [String(lab.addresses.tls[0])] }),
		{ code: "lab-start", message: /cannot listen on .* \(EADDRINUSE\)/ },
	);
	await assert.rejects(
		startClouds({ world, clouds: [], listen: ["example.com:1"] }),
		{ code: "lab-start", message: /is not an address/ },
	);
});

test("main.ts starts all stand-ins, says so in one line, ends on SIGTERM", async (t) => {
	const state = temporaryDirectory(t);
	const hypervisor = join(state, "hypervisor.mjs");
	writeFileSync(
		hypervisor,
		`import { writeFileSync } from "node:fs";
		const done = async () => {};
		export default ({ world, cloud }) => ({
			create: async (machine) => writeFileSync(world.stateDir + "/made", machine.id + cloud("tailscale").name),
			resume: done, start: done, powerOff: done, reboot: done, destroy: done,
		});`,
	);
	const child = spawn(
		process.execPath,
		[
			join(import.meta.dirname, "main.ts"),
			"--state",
			state,
			"--listen",
			"127.0.0.1:0",
			"--proxy",
			"127.0.0.1:0",
			"--hypervisor",
			hypervisor,
		],
		{ stdio: ["ignore", "pipe", "inherit"] },
	);
	t.after(() => child.kill("SIGKILL"));
	const [line] = await once(createInterface(child.stdout), "line");
	const ready = JSON.parse(String(line));
	assert.equal(ready.ready, true);
	assert.match(ready.addresses.proxy, /^127\.0\.0\.1:\d+$/);
	assert.ok((await controlClient(ready.controlSocket).now()) > 0);
	const script = `
		const answer = await fetch("https://api.vultr.com/v2/instances", {
			method: "POST",
			headers: { authorization: "Bearer lab-vultr-key" },
			body: JSON.stringify({ region: "ewr", plan: "vc2-2c-4gb", os_id: 391 }),
		});
		console.log((await answer.json()).instance.id);
	`;
	const { stdout } = await run(
		process.execPath,
		["--input-type=module", "-e", script],
		{ env: { ...process.env, ...ready.environment } },
	);
	assert.equal(
		readFileSync(join(state, "made"), "utf8"),
		`${stdout.trim()}tailscale`,
	);
	child.kill("SIGTERM");
	const [code] = await once(child, "exit");
	assert.equal(code, 0);
});
