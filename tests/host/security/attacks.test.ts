import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hostMissing } from "../../../lab/host/artefacts.ts";
import {
	AttackHost,
	gatewayArguments,
	sandboxArguments,
} from "./attackHost.ts";
import {
	type Attempt,
	attempts,
	mutable,
	switchOf,
	targets,
} from "./attempts.ts";
import { asking, sandboxRequest, skillsWork } from "./policyAttempts.ts";
import type { End } from "./wire.ts";

const tcpPorts = [22, 53, 80, 443, 853];
const ends: End[] = [
	...tcpPorts.flatMap((port) =>
		["0.0.0.0", "::"].map((address) => ({
			protocol: "tcp" as const,
			address,
			port,
		})),
	),
	...targets
		.filter(({ protocol }) => protocol === "udp")
		.map(({ address, port }) => ({ protocol: "udp" as const, address, port })),
];
// The metadata address is the lab's already.
const around = [...new Set(targets.map(({ address }) => address))]
	.filter((address) => address !== "169.254.169.254")
	.map((address) => `${address}/${address.includes(":") ? 128 : 32}`);

const won = (output: string) => /^won$/m.test(output);
const nameOf = ({ name, from }: Attempt) => `${from}: ${name}`;

test("the attacker's containers are those of the product", () => {
	const unit = readFileSync(
		new URL(
			"../../../quadlets/moltbot/moltbot-gateway.container",
			import.meta.url,
		),
		"utf8",
	);
	for (const [line, argument] of [
		["ReadOnly=true", "--read-only"],
		["NoNewPrivileges=true", "--security-opt=no-new-privileges"],
		["DropCapability=all", "--cap-drop=all"],
		["User=2001:2001", "--user=2001:2001"],
	] as const) {
		assert.ok(unit.includes(`\n${line}\n`), line);
		assert.ok(gatewayArguments.includes(argument), argument);
	}
	for (const unwanted of ["--privileged", "--network=host", "--cap-add"])
		for (const list of [gatewayArguments, sandboxArguments])
			assert.ok(!list.some((argument) => argument.startsWith(unwanted)));
});

/** What OpenClaw does to its sandboxes goes through what stands before the engine. */
async function sandboxesWork(attack: AttackHost) {
	const made = await attack.run("gateway", asking(sandboxRequest));
	assert.match(made.output, /^won$/m, made.output);
	const skills = await attack.run("gateway", skillsWork);
	assert.match(skills.output, /^won$/m, skills.output);
	const client =
		"podman --remote --url unix:///run/user/2001/moltbot-engine/podman.sock";
	for (const [script, expected] of [
		// By a file: the stream can lose what a short command says (attackHost.ts).
		[
			"exec sandbox sh -c 'id -u >/workspace/who'; podman unshare cat /var/lib/moltbot/workspace/who",
			/^2001$/,
		],
		// The input ends before the output begins.
		[
			"exec --interactive sandbox sh -c 'x=$(cat); sleep 1; echo $x' <<<words",
			/^words$/,
		],
		["exec sandbox sh -c 'exit 7' || echo $?", /^7$/],
		["ps --all --format '{{.Names}}'", /^sandbox$/m],
	] as const) {
		const { code, output } = await attack.run("uid", `${client} ${script}`);
		assert.match(output.trim(), expected, `${script}: exit ${code}`);
	}
}

const survivor = "/var/home/moltbot/.cache/survivor";
/** Plants a unit wherever the agent's service manager and Quadlet would look for one. */
const plantUnit = `cd /
unit='[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo won >${survivor}"\n[Install]\nWantedBy=default.target\n'
for folder in /run/user/2001/systemd/user /var/home/moltbot/.config/systemd/user /var/home/moltbot/.local/share/systemd/user /etc/systemd/user; do
	mkdir -p $folder/default.target.wants && printf "$unit" >$folder/survivor.service && ln -sf ../survivor.service $folder/default.target.wants/survivor.service
done
for folder in /run/user/2001/containers/systemd /var/home/moltbot/.config/containers/systemd /etc/containers/systemd/users/2001; do
	mkdir -p $folder && printf '[Container]\nImage=localhost/attacker\nVolume=/var/home/moltbot/.cache:/workspace\nExec=sh -c "echo won >/workspace/survivor"\n[Install]\nWantedBy=default.target\n' >$folder/survivor.container
done
systemctl --user daemon-reload; rm -f ${survivor}`;

/** What the agent leaves behind as a unit; "won" where it ran after a restart of the host. */
async function survival(attack: AttackHost): Promise<string> {
	await attack.run("uid", plantUnit);
	await attack.reboot();
	// The one that it would hang on.
	const reached =
		"for i in $(seq 300); do systemctl --user is-active --quiet default.target && break; sleep 0.1; done";
	return (await attack.run("uid", `${reached}; cat ${survivor}`)).output;
}

test("an agent that is taken over gets nothing", {
	timeout: 900_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const attack = await AttackHost.boot(t, around, ends);
	const seen = (word: string) =>
		attack.arrivals.some(({ payload }) => payload.includes(word));
	const faults: string[] = [];
	await sandboxesWork(attack);

	for (const attempt of attempts) {
		const { code, output } = await attack.run(attempt.from, attempt.script);
		const refused = !won(output) && attempt.refusal.test(output.trim());
		const reached = attempt.word !== undefined && seen(attempt.word);
		if (!refused || reached)
			faults.push(
				`${nameOf(attempt)}: ${reached ? "a listener saw it" : "not refused"}: exit ${code}: ${output.trim()}`,
			);
	}
	// Attempts against the same protection share its switch.
	const switches = Map.groupBy(attempts, ({ control }) =>
		Object.values(switchOf(control) ?? {}).join("\n"),
	);
	for (const group of switches.values()) {
		const [first] = group;
		const control = first && switchOf(first.control);
		if (control) await attack.switch(control.off);
		for (const attempt of group) {
			const done = await attack.control(attempt);
			if (done === undefined) continue;
			const { code, output } = done;
			if (!won(output))
				faults.push(
					`${nameOf(attempt)}: the control did not succeed: exit ${code}: ${output.trim()}`,
				);
			if (attempt.word !== undefined && !seen(attempt.word))
				faults.push(`${nameOf(attempt)}: the control was seen by nobody`);
		}
		if (control) await attack.switch(control.on);
	}
	const nothing = await survival(attack);
	if (won(nothing) || !/No such file/.test(nothing))
		faults.push(`a planted unit survives: ${nothing}`);
	await attack.switch(mutable);
	const something = await survival(attack);
	if (!won(something))
		faults.push(`a planted unit: the control did not run: ${something}`);

	const table = attempts.map((attempt) =>
		[
			nameOf(attempt),
			"refused",
			"none" in attempt.control
				? `no control: ${attempt.control.none}`
				: "succeeds without the protection",
		].join(" | "),
	);
	for (const line of table) t.diagnostic(line);
	t.diagnostic(
		"uid: a unit planted in seven places that outlives a restart | refused | succeeds without the protection",
	);
	t.diagnostic(
		`${attempts.length + 1} attempts, ${attempts.filter(({ control }) => !("none" in control)).length + 1} with a control`,
	);
	assert.deepEqual(faults, []);
	assert.ok(attempts.length >= 60);
});
