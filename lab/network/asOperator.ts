import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "../place.ts";
import { resolverAddress } from "./addresses.ts";
import { operator } from "./internet.ts";
import { namespacePath } from "./link.ts";

const script = join(import.meta.dirname, "operator.sh");

/**
 * Command line by which a command runs as the lab's operator: in his network, with the lab's resolver and without the machines of
 * the lab in sight, in a private mount namespace that ends with it.
 *
 * @param over files of the lab that lie over files of the machine while it runs, as [file, over]
 */
export function asOperator(
	place: Place,
	argv: readonly string[],
	over: readonly (readonly [string, string])[] = [],
): string[] {
	const resolver = place.path("operator", "resolv.conf");
	for (const folder of [place.path("operator"), place.machines])
		mkdirSync(folder, { recursive: true });
	writeFileSync(resolver, `nameserver ${resolverAddress}\n`);
	const namespace = namespacePath(place.namespace(operator));
	return [
		...[script, namespace, resolver, place.machines],
		...[...over.flat(), "--", ...argv],
	];
}
