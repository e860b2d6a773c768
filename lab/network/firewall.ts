import { spawn } from "node:child_process";
import type { FirewallRule } from "../clouds/vultr/model.ts";
import { namespacePath } from "./link.ts";

/**
 * What Vultr's firewall does on the outside of a machine's line, as a script for nft. A group lets in what its rules name and what
 * answers the machine; without a group (`null`) everything gets in. The provider's own neighbour discovery, router
 * advertisements, DHCP and metadata answers are not subject to it.
 */
export function firewallScript(
	device: string,
	rules: readonly FirewallRule[] | null,
): string {
	const table = `inet vultr_${device}`;
	const head = [`table ${table}`, `delete table ${table}`];
	if (rules === null) return `${head.join("\n")}\n`;
	const chain = (hook: string) => [
		`\tchain ${hook} {`,
		`\t\ttype filter hook ${hook} priority filter; policy accept;`,
		`\t\toifname != "${device}" accept`,
		"\t\tct state established,related accept",
		...(hook === "output"
			? [
					"\t\tudp sport 67 udp dport 68 accept",
					"\t\tudp sport 547 udp dport 546 accept",
					"\t\ticmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
				]
			: []),
		...rules.map((rule) => `\t\t${ruleText(rule)} accept`),
		"\t\tcounter drop",
		"\t}",
	];
	return [
		...head,
		`table ${table} {`,
		// What crosses the lab's internet, and what a stand-in sends by itself.
		...chain("forward"),
		...chain("output"),
		"}",
		"",
	].join("\n");
}

function ruleText(rule: FirewallRule): string {
	const family = rule.ip_type === "v4" ? "ip" : "ip6";
	const source =
		rule.subnet_size === 0
			? ""
			: ` ${family} saddr ${rule.subnet}/${rule.subnet_size}`;
	const protocol =
		rule.protocol === "icmp" && rule.ip_type === "v6"
			? "ipv6-icmp"
			: rule.protocol;
	const port =
		rule.port === "" ? "" : ` th dport ${rule.port.replace(":", "-")}`;
	return `meta nfproto ipv${rule.ip_type === "v4" ? 4 : 6}${source} meta l4proto ${protocol}${port}`;
}

/** Puts the rules in force on a device of that namespace, in one transaction. */
export async function applyFirewall(
	namespace: string,
	device: string,
	rules: readonly FirewallRule[] | null,
): Promise<void> {
	const child = spawn(
		"nsenter",
		[`--net=${namespacePath(namespace)}`, "--", "nft", "--file", "-"],
		{ stdio: ["pipe", "ignore", "pipe"] },
	);
	let errors = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		errors += text;
	});
	child.stdin.end(firewallScript(device, rules));
	const code = await new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("close", resolve);
	});
	if (code !== 0) throw new Error(`nft: ${errors}`);
}
