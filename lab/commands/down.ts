import { type Command, say } from "./command.ts";

export const down: Command = {
	about:
		"stop everything at once; disks and state stay, `up` goes on from there",
	async run(world) {
		await world.lower();
		say("stopped: no process, namespace or mount of the lab is left");
		return 0;
	},
};
