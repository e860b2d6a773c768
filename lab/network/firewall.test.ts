import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { suite, test } from "node:test";
import type { FirewallRule } from "../clouds/vultr/model.ts";
import { firewallScript } from "./firewall.ts";

const rule = (part: Partial<FirewallRule>): FirewallRule => ({
	id: 1,
	ip_type: "v4",
	protocol: "tcp",
	port: "22",
	subnet: "0.0.0.0",
	subnet_size: 0,
	source: "",
	notes: "",
	...part,
});
const accepts = (rules: FirewallRule[]) =>
	[...firewallScript("h1", rules).matchAll(/^\t\t(meta nfproto .*) accept$/gm)]
		.map(([, text]) => text)
		// Once for what crosses, once for what is sent here.
		.filter((text, index, all) => all.indexOf(text) === index);

suite("the provider's firewall", () => {
	test("without a group everything gets in", () => {
		assert.doesNotMatch(firewallScript("h1", null), /drop/);
	});

	test("an empty group lets nothing in but answers", () => {
		assert.deepEqual(accepts([]), []);
		const drops = firewallScript("h1", []).match(/\t\tcounter drop/g);
		assert.equal(drops?.length, 2);
	});

	for (const [what, part, expected] of [
		["one port", {}, "meta nfproto ipv4 meta l4proto tcp th dport 22"],
		[
			"a range, as Vultr writes it",
			{ protocol: "udp", port: "1000:2000" },
			"meta nfproto ipv4 meta l4proto udp th dport 1000-2000",
		],
		[
			"one source",
			{ subnet: "192.0.2.0", subnet_size: 24 },
			"meta nfproto ipv4 ip saddr 192.0.2.0/24 meta l4proto tcp th dport 22",
		],
		[
			"IPv6, its own ICMP",
			{ ip_type: "v6", protocol: "icmp", port: "", subnet: "::" },
			"meta nfproto ipv6 meta l4proto ipv6-icmp",
		],
	] satisfies [string, Partial<FirewallRule>, string][])
		test(what, () => assert.deepEqual(accepts([rule(part)]), [expected]));

	test("nft takes it", (t) => {
		if (process.getuid?.() !== 0) return t.skip("needs root");
		const rules = [
			rule({}),
			rule({ ip_type: "v6", protocol: "icmp", port: "", subnet: "::" }),
			rule({ protocol: "gre", port: "" }),
		];
		for (const input of [
			firewallScript("h1", rules),
			firewallScript("h1", null),
		]) {
			// In a namespace of its own: a check looks at the tables that are there.
			const argv = ["--net", "nft", "--check", "--file", "-"];
			const { status, stderr } = spawnSync("unshare", argv, { input });
			assert.equal(status, 0, String(stderr));
		}
	});
});
