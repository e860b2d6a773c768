import { chooseVms } from "../hypervisor/kind.ts";
import { type Command, say } from "./command.ts";

/** Everything from nothing to an agent that answers; goes on where an earlier run stopped. */
export const up: Command = {
	about: "start the lab and the agent (what `npm run lab` does)",
	takes: "[--vm] [pulumi up arguments]",
	async run(world, given) {
		const start = performance.now();
		const args = given.filter((argument) => argument !== "--vm");
		if (args.length < given.length) {
			say("new machines get a kernel of their own: each takes minutes");
			await chooseVms(world.place);
		}
		await world.raise(say);
		say("pulumi up");
		const code = await world.operator.change([...upCommand, ...args]);
		const seconds = Math.round((performance.now() - start) / 1000);
		if (code !== 0) {
			say(
				`pulumi up ended with ${code} after ${seconds} s; mend it and run \`npm run lab\` again, or start afresh: npm run lab -- clean`,
			);
			return code;
		}
		say(`up after ${seconds} s`);
		process.stdout.write(next);
		return 0;
	},
};

const unattended = ["--yes", "--skip-preview", "--non-interactive"];

/** `pulumi up` of the unmodified program. */
export const upCommand = ["pulumi", "up", ...unattended];
/** What ends the bill and keeps the agent's state. */
export const destroyCommand = ["pulumi", "destroy", ...unattended];

const next = `
  npm run lab -- dm "hello"        write to the agent as its owner
  npm run lab -- chat              the same, as a conversation
  npm run lab -- status            how everything is
  npm run lab -- ssh               a shell on the host, through the tailnet
  npm run lab -- logs              what the agent says to its log
  npm run lab -- pause             last backup, then no VM and no bill; resume brings the same agent back
  npm run lab -- down              stop all of it
`;
