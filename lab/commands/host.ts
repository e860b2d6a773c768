import { spawn } from "node:child_process";
import { z } from "zod";
import { LabError } from "../errors.ts";
import type { World } from "../world.ts";
import type { Command } from "./command.ts";

/** The production command for a shell on the host. */
function shell(world: World, args: readonly string[]): string[] {
	return ["tailscale", "ssh", `core@${world.operator.hostname}`, ...args];
}

export const ssh: Command = {
	about: "a shell or a command on the host, by `tailscale ssh`",
	takes: "[command]",
	run: (world, args) => world.operator.run(shell(world, args)),
};

export const logs: Command = {
	about: "the agent's log, as `moltbot logs` on the host prints it",
	takes: "[-f] [-n LINES]",
	run: (world, args) =>
		world.operator.run(shell(world, ["moltbot", "logs", ...args])),
};

export const status: Command = {
	about: "the stand-ins, the bill, and the agent as `moltbot status` says",
	async run(world) {
		const { instances, billing } = vultrState.parse(
			await world.control.snapshot("vultr"),
		);
		for (const { hostname, main_ip, power_status } of instances)
			console.log(`vm ${hostname}: ${power_status}, ${main_ip}`);
		if (instances.length === 0) console.log("no vm: the agent is paused");
		console.log(`billed so far: $${billing.total.toFixed(2)}`);
		if (instances.length === 0) return 0;
		return world.operator.run(shell(world, ["moltbot", "status"]));
	},
};

const vultrState = z.looseObject({
	instances: z.array(
		z.looseObject({
			hostname: z.string(),
			main_ip: z.string(),
			power_status: z.string(),
		}),
	),
	billing: z.looseObject({ total: z.number() }),
});

export const console_: Command = {
	about:
		"what the machine prints, by the lab's privilege; a real VM shows it in Vultr's web console",
	takes: "[-f]",
	async run(world, args) {
		const hosts = world.hosts();
		const host = hosts.at(-1);
		if (!host) throw new LabError("no-instance", "No machine has a disk here.");
		const child = spawn("tail", ["-n", "200", ...args, host.console], {
			stdio: "inherit",
		});
		return new Promise((resolve, reject) => {
			child.on("error", reject);
			child.on("close", (code) => resolve(code ?? 130));
		});
	},
};
