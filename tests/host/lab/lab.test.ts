// The lab from nothing to a host that is ready, by the way an operator has: the real program, the real engine, the tailnet. One
// lab for all tests of this file, with images of some megabytes in the place of the agent's.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { destroyCommand, upCommand } from "../../../lab/commands/up.ts";
import {
	cgroupRoot,
	cgroupsOf,
	commandCgroup,
	endCgroup,
} from "../../../lab/daemon.ts";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { cloudsAddress } from "../../../lab/network/addresses.ts";
import { Place } from "../../../lab/place.ts";
import { World } from "../../../lab/world.ts";
import { filesOf } from "../../engine/harness/ignition.ts";
import { tinyImages } from "./tinyImages.ts";

const missing = hostMissing();
const vultrState = z.looseObject({
	instances: z.array(
		z.looseObject({
			id: z.string(),
			main_ip: z.string(),
			v6_main_ip: z.string(),
			user_data: z.string(),
			tags: z.array(z.string()),
		}),
	),
});
const status = z.looseObject({
	generation: z.number(),
	ready: z.boolean(),
	os: z.object({ image: z.string().nullable() }),
	delivery: z.looseObject({ id: z.string() }),
	state: z.looseObject({ restore: z.string() }),
});

suite("the lab", { skip: missing ?? false, timeout: 1_500_000 }, () => {
	const folder = mkdtempSync(join(tmpdir(), "moltbot-lab-"));
	let world: World;

	/** What a command on the host prints, over Tailscale SSH. */
	const onHost = async (...command: string[]) => {
		const { operator } = world;
		const argv = ["tailscale", "ssh", `core@${operator.hostname}`, ...command];
		const { code, stdout, stderr } = await operator.ask(argv);
		assert.equal(code, 0, stderr);
		return stdout;
	};
	const askStatus = async () =>
		status.parse(JSON.parse(await onHost("moltbot", "status", "--json")));
	const isReady = () =>
		askStatus().then(
			({ ready }) => ready,
			() => false,
		);
	const instances = async () =>
		vultrState.parse(await world.control.snapshot("vultr")).instances;
	const succeed = async (command: readonly string[]) => {
		const { code, stdout, stderr } = await world.operator.ask(command);
		assert.equal(code, 0, stdout + stderr);
		return stdout;
	};
	/** TCP ports that answer, as seen from the operator's line. */
	const scan = async (address: string, ports: readonly number[]) =>
		JSON.parse(
			await succeed([
				process.execPath,
				join(import.meta.dirname, "scan.ts"),
				...[address, ...ports.map(String)],
			]),
		) as Record<string, string>;

	before(async () => {
		if (missing) return;
		world = await World.open(new Place(folder), tinyImages);
		await world.raise(() => {});
	});
	after(async () => {
		await world?.lower();
		rmSync(folder, { recursive: true, force: true });
	});

	test("an up that was killed half-way is gone on with, and ends with a host that is ready", async () => {
		let ended = false;
		const killed = world.operator.ask(upCommand).finally(() => {
			ended = true;
		});
		while (!ended && (await instances()).length === 0) await sleep(100);
		await endCgroup(commandCgroup(world.place, "pulumi"), "at once");
		assert.notEqual((await killed).code, 0);
		const [first] = await instances();

		await world.operator.clear();
		const output = await succeed(upCommand);
		assert.deepEqual(
			(await instances()).map(({ id }) => id),
			[first?.id],
		);
		assert.match(output, /joined: 100\./);
		const { ready, generation, os, state } = await askStatus();
		assert.deepEqual([ready, generation, state.restore], [true, 1, "fresh"]);
		assert.match(os.image ?? "", /^ghcr\.io\/ublue-os\/ucore-minimal@sha256:/);
	});

	test("a second up changes nothing", async () => {
		assert.match(await succeed(upCommand), /\d+ unchanged/);
	});

	test("nothing answers on the host's public addresses", async () => {
		const [machine] = await instances();
		assert.ok(machine);
		const sockets = await onHost("sudo", "ss", "-Htuln");
		const listening = [...sockets.matchAll(/:(\d+)\s/g)].map(([, port]) =>
			Number(port),
		);
		assert.ok(listening.length > 0, "nothing listens: the scan proves nothing");
		const low = Array.from({ length: 1024 }, (_, index) => index + 1);
		const ports = [...new Set([...low, ...listening])];
		assert.deepEqual(await scan(cloudsAddress, [443]), { 443: "open" });
		for (const address of [machine.main_ip, machine.v6_main_ip])
			assert.deepEqual(await scan(address, ports), {}, address);
	});

	test("user-data holds no secret that was delivered", async () => {
		const [machine] = await instances();
		const files = filesOf(Buffer.from(machine?.user_data ?? ""));
		assert.ok(files.size > 20);
		const text = [machine?.user_data, ...files.values()].join("\n");
		const { account } = world;
		// The account's number is part of every key's, also of the one that signed the beacon's address.
		const { b2Account: _, ...secrets } = account;
		for (const [name, secret] of Object.entries(secrets))
			assert.ok(!text.includes(secret), name);
		const delivered = await onHost(
			...["sudo", "sh", "-c"],
			"'cat /var/lib/moltbot/secrets/* /etc/moltbot/host-secrets/*'",
		);
		assert.ok(delivered.includes(account.discordToken));
		assert.ok(delivered.includes(account.backupPassword));
	});

	test("the machine's own files are as they were", async () => {
		const inside = await succeed(["cat", "/etc/resolv.conf"]);
		assert.notEqual(inside, readFileSync("/etc/resolv.conf", "utf8"));
		assert.ok(!readFileSync("/proc/self/mounts", "utf8").includes(folder));
	});

	test("the host goes on while the stand-ins start again", async () => {
		const boot = await onHost("cat", "/proc/sys/kernel/random/boot_id");
		await world.stopClouds();
		await world.raise(() => {});
		assert.equal(await onHost("cat", "/proc/sys/kernel/random/boot_id"), boot);
		assert.match(await succeed(upCommand), /\d+ unchanged/);
	});

	test("pause saves the state and takes the machine away; resume brings it back and tells the stages of its boot", async () => {
		const note = "/var/lib/moltbot/workspace/note";
		await onHost(
			...["sudo", "-u", "moltbot", "sh", "-c"],
			`'echo remembered >${note}'`,
		);
		await succeed(destroyCommand);
		assert.deepEqual(await instances(), []);
		assert.deepEqual(
			cgroupsOf(world.place).filter((name) => name.includes("-host-")),
			[],
		);
		assert.deepEqual(readdirSync(world.place.path("hosts")), []);
		const output = await succeed(upCommand);
		for (const stage of [/rebase: rebase\.service/, /joined: 100\./])
			assert.match(output, stage);
		const { ready, generation, state } = await askStatus();
		assert.deepEqual([ready, generation], [true, 2]);
		assert.equal(state.restore, "restored");
		assert.equal(await onHost("sudo", "cat", note), "remembered\n");
	});

	test("down leaves no process, namespace or mount; up goes on with the same disk", async () => {
		await world.lower();
		const left = readdirSync(cgroupRoot).filter((name) =>
			name.includes(world.place.id),
		);
		assert.deepEqual(left, []);
		const namespaces = readdirSync("/run/netns").filter((name) =>
			name.startsWith(world.place.namespace("")),
		);
		assert.deepEqual(namespaces, []);
		assert.ok(!readFileSync("/proc/mounts", "utf8").includes(folder));
		const loops = execFileSync("losetup", ["--all"]).toString();
		assert.ok(!loops.includes(folder));

		await world.raise(() => {});
		assert.ok(existsSync(world.place.path("hosts")));
		// The machine gets its power back and comes up by itself.
		const patience = AbortSignal.timeout(120_000);
		while (!(await isReady()) && !patience.aborted) await sleep(1000);
		assert.match(await succeed([...upCommand, "--refresh"]), /\d+ unchanged/);
		assert.equal((await askStatus()).generation, 2);
	});
});
