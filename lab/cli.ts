// `npm run lab`: the whole product on this machine, without any account. `npm run lab -- <verb>`; lab/commands has a file for
// each verb.

import { commands, offline } from "./commands/index.ts";
import { LabError } from "./errors.ts";
import { hostMissing } from "./host/artefacts.ts";
import { Place } from "./place.ts";
import { World } from "./world.ts";

function usage(): string {
	const lines = Object.entries(commands).map(([name, { about, takes = "" }]) =>
		`  ${`${name} ${takes}`.padEnd(32)} ${about}`.trimEnd(),
	);
	return ["npm run lab -- <verb>", ...lines, ""].join("\n");
}

async function main([
	verb = "up",
	...args
]: readonly string[]): Promise<number> {
	if (["help", "-h", "--help"].includes(verb)) {
		process.stdout.write(usage());
		return 0;
	}
	const command = Object.hasOwn(commands, verb) ? commands[verb] : undefined;
	if (!command)
		throw new LabError(
			"unknown-command",
			`The lab has no verb "${verb}".\n${usage()}`,
		);
	const missing = hostMissing();
	if (missing)
		throw new LabError(
			"needs-root",
			`The lab ${missing}: it makes network namespaces and mounts, all its own. Run it again where that is given (sudo npm run lab).`,
		);
	const world = World.open(new Place());
	if (!world.isUp && !offline.includes(verb))
		throw new LabError(
			"not-up",
			"The lab is not running: npm run lab starts it.",
		);
	return command.run(world, args);
}

try {
	process.exitCode = await main(process.argv.slice(2));
} catch (error) {
	// Those that a person can mend say how; a defect shows where it is.
	const known = error instanceof Error && "code" in error;
	process.stderr.write(
		`${known ? error.message : ((error as Error).stack ?? error)}\n`,
	);
	process.exitCode = 1;
}
