// The lab from nothing to a host that is ready, by the way an operator has: the real program, the real engine, the tailnet. One
// lab for all tests of this file, with images of some megabytes in the place of the agent's.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { destroyCommand, upCommand } from "../../../lab/commands/up.ts";
import { cgroupRoot, cgroupsOf } from "../../../lab/daemon.ts";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import { cloudsAddress } from "../../../lab/network/addresses.ts";
import type { World } from "../../../lab/world.ts";
import { filesOf } from "../../engine/harness/ignition.ts";
import { asAgent, asOwner, TestLab, until } from "./testLab.ts";

const missing = hostMissing();

suite("the lab", { skip: missing ?? false, timeout: 1_500_000 }, () => {
	let lab: TestLab;
	let world: World;
	const instances = () => lab.instances();
	const succeed = (command: readonly string[]) => lab.succeed(command);
	const onHost = (...command: string[]) => lab.onHost(...command);
	const askStatus = () => lab.status();

	/** Waits until the host says by itself that it is ready. */
	const ready = () =>
		until("the agent is ready", 120, () =>
			askStatus().then(
				(status) => status.ready,
				() => false,
			),
		);
	/** What the image of the running gateway says of itself. */
	const release = () =>
		onHost(
			...asAgent(
				"podman ps --filter name=moltbot-gateway --format {{.Labels.release}}",
			),
		);
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
		lab = await TestLab.raise();
		world = lab.world;
	});
	after(() => lab?.clean());

	test("an up that was killed half-way is gone on with, and ends with a host that is ready", async () => {
		let ended = false;
		const killed = world.operator.ask(upCommand).finally(() => {
			ended = true;
		});
		while (!ended && (await instances()).length === 0) await sleep(100);
		await lab.killEngine();
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
		assert.ok(!readFileSync("/proc/self/mounts", "utf8").includes(lab.folder));
	});

	test("nobody can look at the machine from where the operator is", async () => {
		const [machine] = readdirSync(world.place.machines);
		const console = join(world.place.machines, machine ?? "", "console.log");
		assert.ok(statSync(console).size > 0);
		assert.equal(await succeed(["ls", world.place.machines]), "");
		assert.match(await lab.fail(["cat", console]), /No such file/);
	});

	test("Discord, the model and every other service start again, and the agent answers", async () => {
		const boot = await lab.bootId();
		await world.stopClouds();
		await world.raise(() => {});
		await ready();
		assert.match(await lab.dm("hello"), /lab model/);
		assert.equal(await lab.bootId(), boot);
		assert.match(await succeed(upCommand), /\d+ unchanged/);
	});

	test("the control server starts again, and the host is in reach and answers", async () => {
		await world.stopControlServer();
		assert.match(await lab.dm("are you there?"), /lab model/);
		await world.raise(() => {});
		await ready();
	});

	test("after a reboot the agent answers", async () => {
		await lab.reboot();
		await ready();
		assert.match(await lab.dm("are you back?"), /lab model/);
	});

	test("a changed configuration arrives within seconds; the agent's own edit stays, ours lies beside it", async (t) => {
		const soul = "/var/lib/moltbot/workspace/SOUL.md";
		const boot = await lab.bootId();
		await onHost(...asOwner(`echo mine >${soul}`));
		lab.change(
			"agent-config/moltbot/openclaw.json5",
			(text) => `${text}// x\n`,
		);
		lab.change(
			"agent-config/moltbot/workspace/SOUL.md",
			(text) => `${text}x\n`,
		);
		const begin = performance.now();
		const said = await lab.up();
		t.diagnostic(
			`changed files, ready again: ${Math.round(performance.now() - begin)} ms`,
		);
		assert.match(said, /SOUL\.md\.new/);
		assert.match(
			await onHost("sudo", "cat", "/etc/moltbot/openclaw.json"),
			/x$/m,
		);
		assert.equal(await onHost("sudo", "cat", soul), "mine\n");
		assert.match(await onHost("sudo", "cat", `${soul}.new`), /^x$/m);
		assert.match(
			await onHost("moltbot", "status"),
			/ready[\s\S]*the agent changed a file that we also changed; .*SOUL\.md\.new/,
		);
		assert.deepEqual((await askStatus()).delivery.kept, [`${soul}.new`]);
		assert.equal(await lab.bootId(), boot);
	});

	test("a new release of the gateway is rolled out on the same machine", async () => {
		const before = await instances();
		const boot = await lab.bootId();
		assert.match(await release(), /^first/);
		await lab.configure("gatewayImage", lab.nextGateway);
		await lab.up();
		assert.match(await release(), /^next/);
		const { units } = await askStatus();
		assert.equal(units.gateway?.image, lab.nextGateway);
		assert.deepEqual(
			(await instances()).map(({ id }) => id),
			before.map(({ id }) => id),
		);
		assert.equal(await lab.bootId(), boot);
		assert.match(await lab.dm("hello"), /lab model/);
	});

	test("a token that Discord refuses is told with the item that holds it, stops every up that looks, and the right one heals it", async () => {
		const refused =
			/Discord refuses the token of the bot; correct the item "Discord Bot Token" in the 1Password vault "moltbot"/;
		await lab.discord.revokeToken();
		await until("the status tells it", 60, async () =>
			refused.test(await onHost("moltbot", "status")),
		);
		assert.match(await lab.upFails("--refresh"), refused);
		// A delivery that brings another wrong one.
		await lab.setItem("Discord Bot Token", "also-wrong");
		const said = await lab.upFails();
		assert.match(said, refused);
		assert.match(said, /\(401\)/);
		assert.match(said, /moltbot-gateway\.service[\s\S]*auto-restart skipped/);
		await lab.discord.rotateToken("corrected");
		await lab.setItem("Discord Bot Token", "corrected");
		await lab.up();
		assert.match(await onHost("moltbot", "status"), /^ready/);
		assert.match(await lab.dm("hello"), /lab model/);
	});

	test("a configuration that the agent refuses ends the up with its words, and the right one heals it", async () => {
		lab.change("agent-config/moltbot/openclaw.json5", (text) =>
			text.replace(/\}\s*$/, "modles: {} }\n"),
		);
		const said = await lab.upFails();
		assert.match(said, /moltbot-gateway\.service failed/);
		assert.match(said, /Unrecognized key: "modles"/);
		world.operator.unedit();
		await lab.up();
		assert.match(await onHost("moltbot", "status"), /^ready/);
	});

	test("an image that is not there is told before anything is done", async () => {
		const gone = `ghcr.io/test/gateway@sha256:${"0".repeat(64)}`;
		await lab.configure("gatewayImage", gone);
		const said = await lab.upFails();
		assert.ok(said.includes(gone), said);
		assert.match(await onHost("moltbot", "status"), /^ready/);
	});

	test("an image that cannot be pulled gives way to the one before, with the words of the pull", async () => {
		const { image } = (await askStatus()).units.gateway ?? {};
		await lab.configure("gatewayImage", lab.firstGateway);
		await lab.forgetImage(lab.firstGateway);
		await world.control.fault({
			cloud: "registry",
			method: "GET",
			path: "^/v2/test/gateway/manifests/",
			count: null,
			action: {
				status: 404,
				body: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
			},
		});
		const said = await lab.upFails();
		assert.match(said, /moltbot-gateway-image\.service/);
		assert.match(said, /manifest unknown/);
		assert.equal((await askStatus()).units.gateway?.image, image);
		await world.control.clearFaults();
		await lab.up();
		assert.equal((await askStatus()).units.gateway?.image, lab.firstGateway);
	});

	test("where the stack names no image, the host builds it", async () => {
		lab.change(
			"images/gateway/Containerfile",
			() =>
				`ARG OPENCLAW_IMAGE=${lab.nextGateway}\nFROM \${OPENCLAW_IMAGE}\nLABEL release=built\n`,
		);
		await succeed(["pulumi", "config", "rm", "gatewayImage"]);
		await lab.up();
		const { units } = await askStatus();
		assert.match(
			units.gateway?.image ?? "",
			/^localhost\/moltbot-gateway:[0-9a-f]{12}$/,
		);
		assert.match(await release(), /^built/);
		assert.match(await lab.dm("hello"), /lab model/);
		world.operator.unedit();
		await lab.configure("gatewayImage", lab.firstGateway);
		await lab.up();
		assert.match(await release(), /^first/);
	});

	test("pause saves the state and takes the machine away; resume brings it back and tells the stages of its boot", async () => {
		const note = "/var/lib/moltbot/workspace/note";
		await onHost(...asOwner(`echo remembered >${note}`));
		await succeed(destroyCommand);
		assert.deepEqual(await instances(), []);
		assert.deepEqual(
			cgroupsOf(world.place).filter((name) => name.includes("-host-")),
			[],
		);
		assert.deepEqual(readdirSync(world.place.machines), []);
		const output = await succeed(upCommand);
		for (const stage of [/rebase: rebase\.service/, /joined: 100\./])
			assert.match(output, stage);
		const { ready, generation, state } = await askStatus();
		assert.deepEqual([ready, generation], [true, 2]);
		assert.equal(state.restore, "restored");
		assert.equal(await onHost("sudo", "cat", note), "remembered\n");
	});

	test("down leaves no process, namespace or mount; after a power cut the machine goes on with the same disk", async () => {
		// First those who would switch it on again.
		await world.stopClouds();
		for (const host of world.hosts()) await host.cutPower();
		await world.lower();
		const left = readdirSync(cgroupRoot).filter((name) =>
			name.includes(world.place.id),
		);
		assert.deepEqual(left, []);
		const namespaces = readdirSync("/run/netns").filter((name) =>
			name.startsWith(world.place.namespace("")),
		);
		assert.deepEqual(namespaces, []);
		assert.ok(!readFileSync("/proc/mounts", "utf8").includes(lab.folder));
		const loops = execFileSync("losetup", ["--all"]).toString();
		assert.ok(!loops.includes(lab.folder));

		await world.raise(() => {});
		assert.ok(existsSync(world.place.machines));
		// The machine gets its power back and comes up by itself.
		await ready();
		assert.match(await lab.dm("are you back?"), /lab model/);
		const said = await succeed([...upCommand, "--refresh"]);
		assert.match(said, /\d+ unchanged/);
		assert.doesNotMatch(said, /\d+ (created|updated|replaced|deleted)/);
		assert.equal((await askStatus()).generation, 2);
	});
});
