import { chat, dm } from "./chat.ts";
import { clean } from "./clean.ts";
import type { Command } from "./command.ts";
import { down } from "./down.ts";
import { console_, logs, ssh, status } from "./host.ts";
import { pause, pulumi, resume } from "./pulumi.ts";
import { up } from "./up.ts";

/** The verbs, in the order of the list that is shown. */
export const commands: Readonly<Record<string, Command>> = {
	up,
	dm,
	chat,
	status,
	ssh,
	logs,
	console: console_,
	pause,
	resume,
	pulumi,
	down,
	clean,
};

/** Verbs that work on a lab that is not running. */
export const offline: readonly string[] = [
	"up",
	"resume",
	"console",
	"down",
	"clean",
];
