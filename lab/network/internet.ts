import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { promisify } from "node:util";
import type { Place } from "../place.ts";
import {
	cloudsAddress,
	controlServerAddress,
	metadataAddress,
	operatorLine,
	resolverAddress,
} from "./addresses.ts";
import { namespacePath } from "./link.ts";

const run = promisify(execFile);
const ip = (...argv: string[]) => run("ip", argv);

/** Namespace in which the stand-ins listen, and through which every packet of the lab goes. */
export const internet = "internet";
/** Namespace of the person who runs the lab. */
export const operator = "operator";

/**
 * Makes the lab's internet and the operator's line to it, where they are not there yet. There is no way out of it: what
 * the stand-ins do not answer for is unreachable at once.
 */
export async function raiseInternet(place: Place): Promise<void> {
	const net = place.namespace(internet);
	const home = place.namespace(operator);
	// The operator's namespace comes last: where it is complete, everything is.
	if (existsSync(namespacePath(home)) && (await isComplete(home))) return;
	await removeNamespaces(place);
	await ip("netns", "add", net);
	await ip("-n", net, "link", "set", "lo", "up");
	for (const address of [
		cloudsAddress,
		controlServerAddress,
		resolverAddress,
		metadataAddress,
	])
		await ip("-n", net, "address", "add", `${address}/32`, "dev", "lo");
	await inNamespace(net, [
		"sysctl",
		"--quiet",
		"-w",
		"net.ipv4.ip_forward=1",
		"net.ipv6.conf.all.forwarding=1",
	]);
	await ip("netns", "add", home);
	await ip("-n", home, "link", "set", "lo", "up");
	await ip(
		...["-n", net, "link", "add", "operator", "type", "veth"],
		...["peer", "name", "eth0", "netns", home],
	);
	const ends = [
		[net, "operator", operatorLine.provider],
		[home, "eth0", operatorLine.operator],
	] as const;
	for (const [namespace, device, { v4, v6 }] of ends) {
		const add = ["-n", namespace, "address", "add"];
		await ip(...add, `${v4}/24`, "dev", device);
		// No wait for duplicates: there are two ends.
		await ip(...add, `${v6}/64`, "dev", device, "nodad");
		await ip("-n", namespace, "link", "set", device, "up");
	}
	const route = ["-n", home, "route", "add", "default", "via"];
	await ip(...route, operatorLine.provider.v4);
	await ip(...route, operatorLine.provider.v6);
}

async function isComplete(namespace: string): Promise<boolean> {
	const { stdout } = await ip(
		"-6",
		"-n",
		namespace,
		"route",
		"show",
		"default",
	);
	return stdout !== "";
}

/** Takes every namespace of this lab away, hosts' included. Their processes must have ended. */
export async function removeNamespaces(place: Place): Promise<void> {
	const names = await readdir("/run/netns").catch(() => []);
	for (const name of names)
		if (name.startsWith(place.namespace("")))
			await ip("netns", "delete", name).catch(() =>
				// A file that a killed `ip netns add` left is no namespace.
				rm(namespacePath(name), { force: true }),
			);
}

/** Runs a program in a network namespace, in this machine's file system. */
export function inNamespace(
	namespace: string,
	argv: readonly string[],
	signal?: AbortSignal,
): Promise<{ stdout: string; stderr: string }> {
	return run(
		"nsenter",
		[`--net=${namespacePath(namespace)}`, "--", ...argv],
		signal ? { signal } : {},
	);
}
