import { rm } from "node:fs/promises";
import { type Command, say } from "./command.ts";

export const clean: Command = {
	about:
		"stop everything and forget it; downloads and builds stay in the cache",
	async run(world) {
		await world.lower();
		await rm(world.place.folder, { recursive: true, force: true });
		say(`removed ${world.place.folder}`);
		return 0;
	},
};
