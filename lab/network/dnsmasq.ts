import { programOf } from "../host/program.ts";

/** Command line of dnsmasq as a daemon of the lab: in the foreground, nothing of the machine's own configuration, its log on stderr. */
export function dnsmasq(tools: string, ...args: readonly string[]): string[] {
	return [
		...programOf(tools, "usr/sbin/dnsmasq"),
		"--keep-in-foreground",
		"--conf-file=/dev/null",
		"--pid-file",
		"--user=root",
		"--log-facility=-",
		...args,
	];
}
