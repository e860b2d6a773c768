import { createHash } from "node:crypto";
import { z } from "zod";
import { parseHuJson } from "./hujson.ts";

/** The policy of a lab's tailnet: the operator may reach the agent's hosts, and nobody else anything. */
export const labPolicy = `{
	// Who may hand out the tag of the agent's hosts.
	"tagOwners": { "tag:moltbot": ["autogroup:admin"] },
	"grants": [
		{ "src": ["autogroup:admin"], "dst": ["tag:moltbot"], "ip": ["tcp:22"] },
	],
	"ssh": [
		{ "action": "accept", "src": ["autogroup:admin"], "dst": ["tag:moltbot"], "users": ["core"] },
	],
}
`;

const policySchema = z.looseObject({
	tagOwners: z.record(z.string(), z.array(z.string())).default({}),
});

/** A policy file, read. */
export interface Policy {
	text: string;
	etag: string;
	value: z.output<typeof policySchema>;
}

/** @throws Error with the reason where the text is no policy. */
export function readPolicy(text: string): Policy {
	const value = policySchema.parse(parseHuJson(text));
	const etag = `"${createHash("sha256").update(text).digest("hex")}"`;
	return { text, etag, value };
}

/** The policy that the API shows, and whether it may be changed through it. */
export interface PolicySource {
	read(): Policy;
	/** Absent: it is managed elsewhere. */
	write?(text: string): void;
}
