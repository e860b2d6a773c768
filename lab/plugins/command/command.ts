// pulumi-resource-command 1.2.1 as far as a program here uses it: remote.Command.
import { randomBytes } from "node:crypto";
import type { Plugin, ResourceType } from "../plugin.ts";
import { changed, type Properties } from "../values.ts";
import { runRemote } from "./remote.ts";

/** The plugin. */
export function commandPlugin(): Plugin {
	return {
		name: "command",
		version: "1.2.1",
		resources: { "command:remote:Command": remoteCommand() },
	};
}

function remoteCommand(): ResourceType {
	const inputs = [
		"connection",
		"create",
		"update",
		"delete",
		"environment",
		"stdin",
		"triggers",
		"logging",
		"addPreviousOutputInEnv",
	];
	return {
		inputs,
		// The SDK asks for this replacement; a plugin in TypeScript cannot name the changed property in another way.
		replaceOn: ["triggers"],
		async create(now) {
			const outputs = await runRemote(String(now.create ?? ""), now);
			return { id: `command${randomBytes(4).toString("hex")}`, outputs };
		},
		async read(_id, olds) {
			return olds;
		},
		async update(_id, olds, news) {
			if (changed(olds, news, inputs).length === 0) return {};
			const script = String(news.update ?? news.create ?? "");
			return runRemote(script, news, previousOutput(olds, news));
		},
		async delete(_id, olds) {
			if (olds.delete)
				await runRemote(String(olds.delete), olds, previousOutput(olds, olds));
		},
	};
}

/** What the last run printed, for the next one; a server may refuse these two. */
function previousOutput(
	olds: Properties,
	now: Properties,
): Record<string, string> {
	if (now.addPreviousOutputInEnv === false) return {};
	return {
		PULUMI_COMMAND_STDOUT: String(olds.stdout ?? ""),
		PULUMI_COMMAND_STDERR: String(olds.stderr ?? ""),
	};
}
