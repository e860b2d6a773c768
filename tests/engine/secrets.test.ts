import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { watchArguments } from "./harness/arguments.ts";
import { leaksIn } from "./harness/leaks.ts";
import { booksOf } from "./harness/state.ts";
import { canaries, cannotRun, type Run, sharedWorld } from "./harness/world.ts";

const verbose = { args: ["-v=9", "--logtostderr"] };

/**
 * What Pulumi's engine writes at -v=9 of every program: the properties of each call between itself and its plugins, secret ones too
 * (pulumi/sdk, go/common/resource/plugin/rpc.go). What 1Password and the environment hold never takes part in such a call; what the
 * stack itself makes does.
 */
const enginesOwnRecord = /"msg":"(?:Unm|M)arshaling property for RPC\[/;

test("a secret is found in every writing", () => {
	const secret = canaries.discord;
	const secrets = { discord: secret };
	for (const text of [
		`token=${secret}`,
		Buffer.from(secret).toString("base64"),
		Buffer.from(`a${secret}b`).toString("base64"),
		Buffer.from(`ab${secret}abc`).toString("base64"),
	])
		assert.equal(leaksIn(text, secrets).length, 1, text);
	assert.deepEqual(leaksIn(secret.slice(1), secrets), []);
});

// One stack whose every secret is a canary; what it leaves anywhere is searched for them.
suite("the secrets of a stack", { skip: cannotRun }, () => {
	const world = sharedWorld();
	/** Canaries, and what the clouds made on the way: the join key, the host's backup key, the right to write the beacon. */
	let secrets: Record<string, string> = { ...canaries };
	let shortLived: Record<string, string> = {};
	let arguments_: string[] = [];

	test("an up shows none, in no stream and in no event", async () => {
		const watch = watchArguments();
		const up = await world().up();
		arguments_ = watch.stop();
		assert.equal(up.code, 0, up.output);
		const [host] = world().hypervisor.hosts;
		const { tailscale } = await booksOf(world().control);
		shortLived = {
			joinKey: tailscale.keys[0]?.secret ?? "",
			beacon:
				/X-Amz-Signature=(\w+)/.exec(
					host?.files.get("/etc/moltbot/beacon-url") ?? "",
				)?.[1] ?? "",
		};
		secrets = {
			...canaries,
			...shortLived,
			backupKey: host?.deliveries[0]?.hostSecrets["backup-key"] ?? "",
		};
		for (const [name, secret] of Object.entries(secrets))
			assert.ok(secret.length >= 16, `${name} is not known`);
		for (const text of [up.output, up.eventLog])
			assert.deepEqual(leaksIn(text, secrets), []);
	});

	test("at -v=9, preview, failed up, up and refresh show none, beside what the stack made in the engine's own record of its calls", async () => {
		await world().changeSecret("Discord Bot Token", canaries.nextDiscord);
		const preview = await world().preview(verbose);
		assert.ok(preview.changes.includes("update delivery"), preview.stdout);
		world().hypervisor.behaviour.gateway = "failed";
		const failed = await world().up(verbose);
		world().hypervisor.behaviour.gateway = "running";
		assert.notEqual(failed.code, 0);
		assert.match(failed.stdout, /the agent has crashed/);
		const up = await world().up(verbose);
		const refresh = await world().refresh(verbose);
		for (const run of [up, refresh]) assert.equal(run.code, 0, run.stdout);
		for (const run of [preview, failed, up, refresh]) {
			assert.ok(run.stderr.length > 100_000, "the engine was not verbose");
			assertClean(run);
		}
	});

	test("credentials that are refused are not repeated", async () => {
		for (const variable of [
			"VULTR_API_KEY",
			"TAILSCALE_API_KEY",
			"B2_APPLICATION_KEY",
			"OP_CONNECT_TOKEN",
		]) {
			const wrong = `CANARY2wrong2${variable.toLowerCase()}`;
			const run = await world().preview({ environment: { [variable]: wrong } });
			assert.notEqual(run.code, 0, `${variable}\n${run.output}`);
			assert.match(run.output, new RegExp(variable.split("_")[0] ?? "", "i"));
			assert.deepEqual(leaksIn(run.output, { ...secrets, wrong }), []);
			assert.deepEqual(leaksIn(run.eventLog, { ...secrets, wrong }), []);
		}
	});

	test("neither the export nor the files of the state show one; decrypted, only what the stack made", async () => {
		const exported = await world().export();
		assert.match(exported, /"ciphertext"/);
		assert.deepEqual(leaksIn(exported, secrets), []);
		const files = readdirSync(world().backend, {
			recursive: true,
			withFileTypes: true,
		}).filter((entry) => entry.isFile());
		assert.ok(files.length > 3);
		for (const { parentPath, name } of files)
			assert.deepEqual(
				leaksIn(readFileSync(join(parentPath, name), "utf8"), secrets),
				[],
				name,
			);
		const decrypted = await world().export("--show-secrets");
		assert.match(decrypted, /"plaintext"/);
		assert.deepEqual(leaksIn(decrypted, canaries), []);
		const outputs = JSON.stringify(await world().outputs());
		assert.deepEqual(leaksIn(outputs, secrets), []);
	});

	test("no request carries one beside the order of the VM, which carries the two that end within the hour", async () => {
		const requests = await world().control.requests();
		const orders = requests.filter(
			({ method, path }) => method === "POST" && path === "/v2/instances",
		);
		assert.equal(orders.length, 1);
		for (const request of requests) {
			const text = JSON.stringify(request) + userDataOf(request.body);
			const allowed = orders.includes(request) ? Object.keys(shortLived) : [];
			// The beacon is written with its own URL.
			if (request.path.endsWith("/moltbot/beacon/1.json"))
				allowed.push("beacon");
			assert.deepEqual(
				leaksIn(text, without(secrets, allowed)),
				[],
				`${request.method} ${request.host}${request.path}`,
			);
		}
	});

	test("user-data holds the join key and the beacon's URL, each in its own file, and no other secret", () => {
		const [host] = world().hypervisor.hosts;
		assert.ok(host);
		const places: Record<string, string> = {
			joinKey: "/etc/moltbot/join-key",
			beacon: "/etc/moltbot/beacon-url",
		};
		for (const [name, path] of Object.entries(places))
			assert.equal(
				leaksIn(host.files.get(path) ?? "", { [name]: secrets[name] ?? "" })
					.length,
				1,
				path,
			);
		for (const [path, text] of host.files)
			assert.deepEqual(
				leaksIn(
					text,
					without(
						secrets,
						Object.keys(places).filter((name) => places[name] === path),
					),
				),
				[],
				path,
			);
	});

	test("no process was started with one in its arguments", () => {
		for (const program of [
			"pulumi up",
			"pulumi-language-nodejs",
			"infra/provider",
		])
			assert.ok(
				arguments_.some((line) => line.includes(program)),
				`${program} was not seen:\n${arguments_.join("\n")}`,
			);
		assert.deepEqual(leaksIn(arguments_.join("\n"), secrets), []);
	});

	function assertClean({ stdout, stderr, eventLog }: Run): void {
		for (const [name, text] of Object.entries({ stdout, stderr, eventLog })) {
			assert.deepEqual(leaksIn(text, canaries), [], name);
			const lines = text
				.split("\n")
				.filter((line) => !enginesOwnRecord.test(line));
			assert.deepEqual(leaksIn(lines.join("\n"), secrets), [], name);
		}
	}
});

function without(
	secrets: Readonly<Record<string, string>>,
	names: readonly string[],
): Record<string, string> {
	return Object.fromEntries(
		Object.entries(secrets).filter(([name]) => !names.includes(name)),
	);
}

/** The user-data of an order, opened. */
function userDataOf(body: string): string {
	const encoded = /"user_data":"([^"]+)"/.exec(body)?.[1] ?? "";
	return Buffer.from(encoded, "base64").toString("utf8");
}
