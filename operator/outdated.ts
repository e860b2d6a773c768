// `npm run outdated -- --stack prod`: which images of the stack have a newer build behind their moving tag, and which packages of this program
// have newer versions. Changes nothing; exit code 1 where something is newer.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import { Registry } from "../infra/provider/clients/registry.ts";
import { Http } from "../infra/provider/http.ts";
import { main, optionsOf } from "./command.ts";
import { imagesOf, type Pinned, pinned } from "./pinned.ts";

/** One thing that is pinned, and what there is now. */
export interface Finding {
	readonly what: string;
	readonly is: string;
	/** Absent: nothing newer. */
	readonly newer?: string;
	/** Why it could not be told. */
	readonly unknown?: string;
	/** How to take the newer one. */
	readonly take?: string;
}

/** Compares the digests of a stack with what the tags name now. */
export async function imageFindings(
	registry: Pick<Registry, "digestOf">,
	images: Partial<Record<Pinned, string>>,
): Promise<Finding[]> {
	return Promise.all(
		Object.entries(images).map(async ([key, image]) => {
			const { tag } = pinned[key as Pinned];
			const [repository = "", is = ""] = image.split("@");
			const now = await registry.digestOf(image, tag);
			if (now === undefined)
				return { what: key, is, unknown: `${repository} has no tag ${tag}` };
			if (now === is) return { what: key, is };
			const take = `pulumi config set ${key} ${repository}@${now}`;
			return { what: key, is, newer: now, take };
		}),
	);
}

const outdatedSchema = z.record(
	z.string(),
	z.object({ current: z.string().optional(), latest: z.string() }),
);

/** Reads the answer of `npm outdated --json`. */
export function packageFindings(json: string): Finding[] {
	const packages = outdatedSchema.parse(JSON.parse(json || "{}"));
	return Object.entries(packages).map(([name, { current = "", latest }]) => ({
		what: name,
		is: current,
		newer: latest,
		take: `npm install --save-exact ${name}@${latest}`,
	}));
}

async function npmOutdated(): Promise<string> {
	return promisify(execFile)("npm", ["outdated", "--json"]).then(
		({ stdout }) => stdout,
		// Exit code 1 says that something is outdated.
		(error: { stdout?: string }) => error.stdout ?? "",
	);
}

if (import.meta.main)
	await main(async () => {
		const { stack } = optionsOf("outdated", "--stack prod", ["stack"]);
		const registry = new Registry(new Http(AbortSignal.timeout(60_000)));
		const findings = [
			...(await imageFindings(registry, imagesOf(`Pulumi.${stack}.yaml`))),
			...packageFindings(await npmOutdated()),
		];
		for (const { what, is, newer, unknown, take } of findings)
			console.log(
				newer
					? `${what}: ${is} is outdated, there is ${newer}\n    ${take}`
					: `${what}: ${unknown ?? `${is} is the newest`}`,
			);
		if (findings.some(({ newer }) => newer !== undefined)) process.exitCode = 1;
	});
