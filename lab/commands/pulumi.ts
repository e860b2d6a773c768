import { type Command, say } from "./command.ts";
import { destroyCommand, upCommand } from "./up.ts";

export const pulumi: Command = {
	about: "any pulumi command on the lab's stack",
	takes: "<arguments>",
	run: (world, args) => world.operator.run(["pulumi", ...args]),
};

export const pause: Command = {
	about: "pulumi destroy: last backup, then the VM is gone and costs nothing",
	takes: "[pulumi destroy arguments]",
	async run(world, args) {
		const code = await world.operator.change([...destroyCommand, ...args]);
		if (code === 0)
			say("paused; the agent comes back with: npm run lab -- resume");
		return code;
	},
};

export const resume: Command = {
	about: "pulumi up: a new VM, the same agent with its memory",
	takes: "[pulumi up arguments]",
	async run(world, args) {
		await world.raise(say);
		return world.operator.change([...upCommand, ...args]);
	},
};
