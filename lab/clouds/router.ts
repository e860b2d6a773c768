import type { Cloud } from "./cloud.ts";

/** Finds the cloud that answers for a host name, whatever port or case it is written with. */
export function createRouter(
	clouds: readonly Cloud[],
): (host: string) => Cloud | undefined {
	const exact = new Map<string, Cloud>();
	const wildcard = new Map<string, Cloud>();
	for (const cloud of clouds)
		for (const host of cloud.hosts) {
			const [table, key] = host.startsWith("*.")
				? [wildcard, host.slice(2)]
				: [exact, host];
			const other = table.get(key);
			if (other)
				throw new Error(
					`Both stand-ins ${other.name} and ${cloud.name} answer for ${host}.`,
				);
			table.set(key, cloud);
		}
	return (host) => {
		const name = hostName(host);
		return exact.get(name) ?? wildcard.get(name.slice(name.indexOf(".") + 1));
	};
}

/** Host header → bare lower-case name. */
export function hostName(host: string): string {
	return host
		.replace(/:\d+$/, "")
		.replace(/^\[(.*)\]$/, "$1")
		.toLowerCase();
}
