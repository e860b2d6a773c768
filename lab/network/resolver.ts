import { isIP } from "node:net";
import type { Daemon } from "../daemon.ts";
import type { Place } from "../place.ts";
import { resolverAddress } from "./addresses.ts";
import { dnsmasq } from "./dnsmasq.ts";
import { inNamespace, internet } from "./internet.ts";

/**
 * Starts the lab's public resolver: it knows the names that the lab answers for and refuses all others, as a resolver
 * without a way to the internet does.
 *
 * @param names host names by the address that answers for them
 */
export async function startResolver(
	place: Place,
	daemon: Daemon,
	tools: string,
	names: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
	const records = Object.entries(names).flatMap(([address, hosts]) =>
		hosts.map((host) => `--host-record=${host},${checked(address)}`),
	);
	const namespace = place.namespace(internet);
	await daemon.start({
		argv: dnsmasq(
			tools,
			"--no-resolv",
			"--no-hosts",
			`--listen-address=${resolverAddress}`,
			"--bind-interfaces",
			...records,
		),
		namespace,
		ready: async () => {
			const { stdout } = await inNamespace(namespace, [
				...["ss", "--no-header", "--listening", "--udp", "--numeric"],
				...["src", `${resolverAddress}:53`],
			]);
			if (stdout === "") throw new Error("nobody listens on port 53");
		},
	});
}

function checked(address: string): string {
	if (isIP(address) === 0) throw new Error(`"${address}" is no address`);
	return address;
}
