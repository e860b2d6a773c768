import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { DiscordClient } from "../clouds/discord/client.ts";
import { LabError } from "../errors.ts";
import { repository } from "../place.ts";
import { socketFetch } from "../socketFetch.ts";
import type { World } from "../world.ts";
import type { Command } from "./command.ts";

/** A turn of the agent may run commands; after this many milliseconds without a word something is wrong. */
const patience = 120_000;

/** Writes as the owner of the agent and waits for the answer. */
async function ask(discord: DiscordClient, text: string): Promise<string> {
	const { content } = await discord.ask("owner", text, {
		id: ownerId(),
		deadline: patience,
	});
	return content;
}

function discordOf(world: World): DiscordClient {
	return new DiscordClient({ fetch: socketFetch(world.place.controlSocket) });
}

/** As the stack's settings have it. */
function ownerId(): string {
	const file = join(repository, "Pulumi.lab.yaml");
	const match = /^\s*moltbot:ownerDiscordId:\s*"(\d+)"/m.exec(
		readFileSync(file, "utf8"),
	);
	if (!match?.[1]) throw new Error(`${file} has no moltbot:ownerDiscordId`);
	return match[1];
}

export const dm: Command = {
	about: "write to the agent as its owner, print its answer",
	takes: "<text>",
	async run(world, args) {
		if (args.length === 0)
			throw new LabError(
				"unknown-command",
				'Say what to write: npm run lab -- dm "hello"',
			);
		console.log(await ask(discordOf(world), args.join(" ")));
		return 0;
	},
};

export const chat: Command = {
	about: "write to the agent line by line; an empty line or Ctrl-D ends it",
	async run(world) {
		const lines = createInterface({
			input: process.stdin,
			output: process.stdout,
			prompt: "you> ",
		});
		// A piped conversation is read to its end while the first answer is still awaited.
		let open = true;
		lines.on("close", () => {
			open = false;
		});
		const discord = discordOf(world);
		lines.prompt();
		for await (const line of lines) {
			if (line.trim() === "") break;
			console.log(`moltbot> ${await ask(discord, line)}`);
			if (open) lines.prompt();
		}
		lines.close();
		return 0;
	},
};
