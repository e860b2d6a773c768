// What the kernel of the host holds back: processes, memory and processor time of a sandbox, and of all that the agent starts. Each
// attempt is seen from inside (what it printed) and from outside (what its cgroup counted), with the gateway and the host at work
// beside it; and each has a control run that succeeds with exactly that limit taken away. In the deep tests, because it boots a
// machine whose processor is translated, and fills it: minutes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bootMachine, serves, skip } from "./machine.ts";
import { cgroup, startSandbox } from "./sandbox.ts";

const slicePath = "/user.slice/user-2001.slice";
const MiB = 2 ** 20;

/** A fork bomb; the sandbox itself has what it needs before it goes off. */
const bomb = "sleep 3000 & f() { f | f & }; f 2>/dev/null; wait";
/** As many processes at a time, if they can be had. */
const grow = (n: number) =>
	`i=0; while [ $i -lt ${n} ]; do busybox sleep 3000 & i=$((i+1)); done; echo grown $i; wait`;
/** As much memory, if it can be had. */
const hold = (mib: number) =>
	`busybox dd if=/dev/zero of=/dev/null bs=${mib}M count=1; echo ended $?`;
/** The same, kept: nobody reads what it would write. No read gives more than 2 GiB, so it takes several. */
const keep = (mib: number) =>
	`for i in 1 2; do busybox dd if=/dev/zero bs=${Math.ceil(mib / 2)}M count=1 | busybox sleep 3000 & done; wait`;
const spin = "for i in 1 2 3 4; do while :; do :; done & done; wait";

test("a sandbox takes down neither gateway nor host", {
	skip,
	timeout: 3_000_000,
}, async (t) => {
	const agent = await bootMachine(t, 3072);
	const slice = cgroup(agent, slicePath);
	const until = async (what: string, holds: () => Promise<boolean>) => {
		const end = performance.now() + 600_000;
		while (!(await holds())) {
			assert.ok(performance.now() < end, `${what}: not after 600 s`);
			await sleep(500);
		}
	};
	const gateway = () =>
		asAgent(
			"systemctl --user show --property=MainPID,NRestarts moltbot-gateway.service",
		);
	const asAgent = (command: string) =>
		agent.shell(
			`setpriv --reuid=2001 --regid=2001 --clear-groups env XDG_RUNTIME_DIR=/run/user/2001 ${command}`,
		);
	const bootId = () => agent.shell("cat /proc/sys/kernel/random/boot_id");
	await serves(agent);
	const before = [await gateway(), await bootId()];
	await agent.timed("image", () =>
		until("the image of the sandbox", () =>
			asAgent("systemctl --user is-active moltbot-sandbox-image.service").then(
				() => true,
				() => false,
			),
		),
	);

	const hostLives = () =>
		agent.timed("host", () =>
			agent.shell("systemd-run --quiet --wait --collect true"),
		);
	/** Both do new work now. */
	const live = async () => {
		await agent.timed("gateway", () => serves(agent));
		await hostLives();
		const { gateway, host } = agent.times;
		return `gateway answered in ${gateway} ms, host in ${host} ms`;
	};
	const said = (what: string, text: string) => t.diagnostic(`${what}: ${text}`);
	const ended = (sandbox: Awaited<ReturnType<typeof startSandbox>>) =>
		until("the end of the sandbox", async () =>
			/exited|stopped/.test(await sandbox.state("Status")),
		);
	/** Without these limits of the agent's slice, and with them again. */
	const withoutLimits = async (
		limits: Readonly<Record<string, string>>,
		work: () => Promise<void>,
	) => {
		const set = (values: readonly string[]) =>
			agent.shell(
				`systemctl set-property --runtime user-2001.slice ${values.join(" ")}`,
			);
		await set(Object.keys(limits).map((name) => `${name}=infinity`));
		await work();
		await set(
			Object.entries(limits).map(([name, value]) => `${name}=${value}`),
		);
	};

	await t.test("processes of a sandbox", async () => {
		const bombed = await startSandbox(agent, bomb);
		await until(
			"the bomb",
			async () => (await bombed.read("pids.events", "max")) > 0,
		);
		said("fork bomb", await live());
		assert.ok((await bombed.read("pids.current")) <= 256);
		await bombed.remove();

		const held = await startSandbox(agent, grow(400));
		await until("a refusal", async () =>
			/can't fork/.test(await held.output()),
		);
		assert.doesNotMatch(await held.output(), /grown/);
		await held.remove();

		const free = await startSandbox(agent, grow(400), ["--pids-limit"]);
		await until("the control", async () =>
			/grown 400/.test(await free.output()),
		);
		assert.ok((await free.read("pids.current")) > 400);
		await free.remove();
	});

	await t.test("processes of all that the agent starts", async () => {
		const unlimited = ["--pids-limit=-1"];
		const refusals = await slice.read("pids.events", "max");
		const held = await startSandbox(
			agent,
			grow(2300),
			["--pids-limit"],
			unlimited,
		);
		await until(
			"a refusal",
			async () => (await slice.read("pids.events", "max")) > refusals,
		);
		await hostLives();
		assert.ok((await slice.read("pids.peak")) <= 2048);
		await ended(held);
		assert.match(await held.output(), /can't fork/);
		await held.remove();
		said("after the ceiling of processes", await live());

		await withoutLimits({ TasksMax: "2048" }, async () => {
			const free = await startSandbox(
				agent,
				grow(2300),
				["--pids-limit"],
				unlimited,
			);
			await until("the control", async () =>
				/grown 2300/.test(await free.output()),
			);
			assert.ok((await slice.read("pids.current")) > 2300);
			await free.remove();
		});
	});

	await t.test("memory of a sandbox", async () => {
		const held = await startSandbox(agent, hold(1300));
		await ended(held);
		assert.match(await held.output(), /ended 137/);
		said("memory hog", await live());
		await held.remove();

		const watched = await startSandbox(agent, `${hold(1300)}; sleep 3000`);
		await until("its end", async () =>
			/ended 137/.test(await watched.output()),
		);
		assert.ok((await watched.read("memory.events", "oom_kill")) > 0);
		assert.ok((await watched.read("memory.peak")) <= 1024 * MiB);
		await watched.remove();

		const free = await startSandbox(agent, `${hold(1300)}; sleep 3000`, [
			"--memory",
		]);
		await until("the control", async () => /ended 0/.test(await free.output()));
		assert.ok((await free.read("memory.peak")) > 1300 * MiB);
		assert.equal(await free.read("memory.events", "oom_kill"), 0);
		await free.remove();
	});

	await t.test("memory of all that the agent starts", async () => {
		const high = await slice.read("memory.high");
		const max = await slice.read("memory.max");
		const total = Number(
			await agent.shell(
				"sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo",
			),
		);
		for (const [limit, share] of [
			[high, 0.8],
			[max, 0.9],
		] as const)
			assert.ok(Math.abs(limit / (total * 1024) - share) < 0.01, `${share}`);
		// More than both. What one call of the kernel takes is slowed down only at its end: the second limit is the hard one.
		const size = Math.round((high / MiB) * 1.2);
		const throttled = await slice.read("memory.events", "high");
		const held = await startSandbox(agent, keep(size), ["--memory"]);
		await until(
			"the ceiling",
			async () => (await slice.read("memory.events", "high")) > throttled,
		);
		await hostLives();
		await sleep(10_000);
		const peak = await slice.read("memory.peak");
		said(
			"memory ceiling",
			`peak at ${Math.round((peak / max) * 100)} % of it; host answered in ${agent.times.host} ms`,
		);
		assert.ok(peak <= max, "it grew beyond");
		await held.remove();
		said("after the memory ceiling", await live());

		const ceiling = { MemoryHigh: "80%", MemoryMax: "90%" };
		await withoutLimits(ceiling, async () => {
			const free = await startSandbox(agent, keep(size), ["--memory"]);
			await until(
				"the control",
				async () => (await slice.read("memory.peak")) > max,
			);
			await free.remove();
		});
	});

	await t.test("processor time", async () => {
		/** Processors' worth of time that a cgroup takes, over some seconds. */
		const rates = async (
			groups: readonly { read: typeof slice.read }[],
		): Promise<number[]> => {
			const look = async () => ({
				at: Number(await agent.shell("cut -d' ' -f1 /proc/uptime")),
				used: await Promise.all(
					groups.map((group) => group.read("cpu.stat", "usage_usec")),
				),
			});
			const from = await look();
			await sleep(10_000);
			const to = await look();
			return to.used.map(
				(used, i) => (used - (from.used[i] ?? 0)) / 1e6 / (to.at - from.at),
			);
		};
		const held = await startSandbox(agent, spin);
		const [one = 0] = await rates([held]);
		said("cpu hog", `${one.toFixed(2)} processors; ${await live()}`);
		assert.ok(one < 1.15, `${one} processors`);
		assert.ok((await held.read("cpu.stat", "nr_throttled")) > 0);
		await held.remove();

		const free = await startSandbox(agent, spin, ["--cpus"]);
		const [two = 0] = await rates([free]);
		assert.ok(two > 1.5, `${two} processors`);
		said("cpu hog without its limit", await live());

		// The operator's session has twice the weight of the agent's slice.
		await agent.shell(
			`systemd-run --quiet --unit=operator-work --slice=user-1000.slice /bin/sh -c ${"'while :; do :; done & while :; do :; done & wait'"}`,
		);
		const operator = cgroup(
			agent,
			"/user.slice/user-1000.slice/operator-work.service",
		);
		const [weighed = 1, mine = 0] = await rates([slice, operator]);
		said(
			"agent beside operator",
			`${weighed.toFixed(2)} : ${mine.toFixed(2)} processors`,
		);
		assert.ok(mine > weighed * 1.5, "the operator comes first");
		await agent.shell(
			"systemctl set-property --runtime user-2001.slice CPUWeight=100",
		);
		const [equal = 1, other = 0] = await rates([slice, operator]);
		assert.ok(other < equal * 1.3, "without the weight they are alike");
		await agent.shell("systemctl stop operator-work.service");
		await free.remove();
	});

	assert.deepEqual([await gateway(), await bootId()], before);
	t.diagnostic(`times: ${JSON.stringify(agent.times)}`);
});
