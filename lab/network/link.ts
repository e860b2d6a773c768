import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { metadataAddress } from "./addresses.ts";

const run = promisify(execFile);
const ip = (...argv: string[]) => run("ip", argv);

/** A host's cable: one network namespace for the host, joined to the lab's by a pair of virtual devices. */
export interface Link {
	/** Name of the host's namespace; made and removed with the link. */
	readonly namespace: string;
	/** Name of the namespace at the other end; must exist. */
	readonly labNamespace: string;
	/** Device name at the lab's end, at most 15 characters. */
	readonly labDevice: string;
	/** With prefix length, such as `192.0.2.1/24`; the host's own address is the business of the host. */
	readonly labAddress: string;
}

/** Path of a namespace by its name. */
export function namespacePath(name: string): string {
	return `/run/netns/${name}`;
}

/** Makes the host's namespace and both ends of the link; the host's end is called `eth0` and has no address. */
export async function connect(link: Link): Promise<void> {
	await ip("netns", "add", link.namespace);
	// Fixed addresses: when the host's udev changes a random one, the neighbours keep the old one for half a minute.
	const ends = [
		...["address", "02:ab:00:00:00:01", "type", "veth", "peer", "name", "eth0"],
		...["address", "02:ab:00:00:00:02", "netns", link.namespace],
	];
	const lab = ["-n", link.labNamespace];
	await ip(...lab, "link", "add", link.labDevice, ...ends);
	for (const address of [link.labAddress, `${metadataAddress}/32`])
		await ip(...lab, "address", "add", address, "dev", link.labDevice);
	await ip(...lab, "link", "set", link.labDevice, "up");
	await ip("-n", link.namespace, "link", "set", "lo", "up");
}

/** Removes the host's namespace, and both devices with it. The host must be off. */
export async function disconnect(link: Link): Promise<void> {
	await ip("-n", link.labNamespace, "link", "delete", link.labDevice);
	await ip("netns", "delete", link.namespace);
}
