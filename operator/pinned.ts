import { readFileSync } from "node:fs";
import { load } from "js-yaml";
import { z } from "zod";
import { OperatorError } from "./errors.ts";

/** Images that a stack names by digest: the setting, the tag that moves along with its releases, and what it is. */
export const pinned = {
	osImage: { tag: "stable", about: "operating system" },
	gatewayImage: { tag: "latest", about: "the agent's gateway" },
	sandboxImage: { tag: "latest", about: "sandbox of the agent's commands" },
	backupImage: { tag: "latest", about: "backup and restore" },
} as const;
export type Pinned = keyof typeof pinned;

const stackSchema = z.object({
	config: z.record(z.string(), z.unknown()).default({}),
});

/** The images of a stack's file, those that it names. @throws OperatorError `no-stack` */
export function imagesOf(file: string): Partial<Record<Pinned, string>> {
	let text: string;
	try {
		text = readFileSync(file, "utf8");
	} catch {
		throw new OperatorError("no-stack", file);
	}
	const { config } = stackSchema.parse(load(text) ?? {});
	return Object.fromEntries(
		Object.keys(pinned)
			.map((key) => [key, config[`moltbot:${key}`]])
			.filter(([, value]) => typeof value === "string"),
	);
}
