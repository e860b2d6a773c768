import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { network, own, skip } from "./namespaces.ts";
import type { End } from "./wire.ts";

const resolvers = ["192.0.2.53", "2001:db8:53::1"];
const agent = 2001;
/** A uid of the agent's subordinate range: what a process of another container user is on the host. */
const subordinate = 2000007;

const tcp = (address: string, port: number): End => ({
	protocol: "tcp",
	address,
	port,
});
const udp = (address: string, port: number): End => ({
	protocol: "udp",
	address,
	port,
});

/** What must be out of reach: why, and where somebody would try it. All of it answers when the guard is off. */
const forbidden: Record<string, readonly End[]> = {
	"the metadata service": [
		tcp("169.254.169.254", 80),
		udp("169.254.169.254", 53),
	],
	"other link-local services": [
		tcp("169.254.1.1", 80),
		tcp("169.254.170.2", 80),
		tcp("fe80::5%eth0", 80),
	],
	"the tailnet": [
		tcp("100.64.0.5", 22),
		tcp("100.100.100.100", 80),
		udp("100.64.0.5", 53),
		tcp("fd7a:115c:a1e0::5", 22),
		udp("fd7a:115c:a1e0::5", 443),
	],
	"private networks": [
		tcp("10.1.2.3", 443),
		tcp("172.16.0.9", 80),
		tcp("172.31.255.9", 22),
		tcp("192.168.1.1", 80),
		udp("192.168.1.1", 443),
		tcp("fd00:ec2::254", 80),
		tcp("fd12:3456::1", 443),
	],
	"addresses that lead to an IPv4 one in disguise": [
		tcp("::ffff:169.254.169.254", 80),
		tcp("64:ff9b::a9fe:a9fe", 80),
		tcp("64:ff9b:1::a9fe:a9fe", 80),
		tcp("2002:a9fe:a9fe::1", 80),
	],
	"shared and reserved networks": [
		tcp("198.18.0.1", 80),
		tcp("192.0.0.192", 80),
	],
	"a foreign resolver": [
		udp("198.51.100.53", 53),
		tcp("198.51.100.53", 53),
		tcp("198.51.100.53", 853),
		udp("198.51.100.53", 853),
		udp("198.51.100.53", 5353),
		udp("2001:db8:bad::53", 53),
		tcp("2001:db8:bad::53", 853),
	],
	"another port of the resolver": [udp("192.0.2.53", 5353)],
};
/** The host's own services: loopback, and its own addresses on both interfaces. */
const services: readonly End[] = [
	tcp("127.0.0.1", 8080),
	tcp("127.9.9.9", 8080),
	udp("127.0.0.1", 8080),
	tcp("::1", 8080),
	tcp(own.public4, 8080),
	tcp(own.public6, 8080),
	tcp(own.tailnet4, 8080),
	tcp(own.tailnet6, 8080),
];
/** What the agent needs. */
const permitted: readonly End[] = [
	tcp("198.51.100.80", 443),
	tcp("198.51.100.80", 80),
	tcp("198.51.100.80", 22),
	udp("198.51.100.80", 443),
	tcp("2001:db8:80::1", 443),
	udp("192.0.2.53", 53),
	tcp("192.0.2.53", 53),
	udp("2001:db8:53::1", 53),
	udp("127.0.0.53", 53),
];

const unmapped = (address: string) => address.replace(/^::ffff:|%.*$/g, "");
const words = (ends: readonly End[]) =>
	ends.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`);

/** The network of all tests: every address above answers, here or outside. */
async function world(t: Parameters<typeof network>[0]) {
	const targets = [...Object.values(forbidden).flat(), ...permitted].filter(
		({ address }) => !address.startsWith("127."),
	);
	const around = [...new Set(targets.map(({ address }) => unmapped(address)))];
	const net = await network(t, around);
	const ports = (protocol: "tcp" | "udp") =>
		[22, 53, 80, 443, 853, 5353].map((port) => ({ protocol, port }));
	// TCP answers whatever address was asked; a UDP answer must come from the address that was.
	const outside = await net.listen("outside", [
		...ports("tcp").flatMap(({ port }) => [
			tcp("0.0.0.0", port),
			tcp("::", port),
		]),
		...targets
			.filter(({ protocol }) => protocol === "udp")
			.map(({ address, port }) => udp(address, port)),
	]);
	const inside = await net.listen("host", [
		tcp("0.0.0.0", 8080),
		tcp("::", 8080),
		udp("127.0.0.1", 8080),
		udp("127.0.0.53", 53),
	]);
	const seen = () =>
		[...outside, ...inside].splice(0).map(({ payload }) => payload);
	const forget = () => {
		outside.length = 0;
		inside.length = 0;
	};
	return { ...net, seen, forget };
}

describe("the packet filter", { skip }, () => {
	test("keeps the agent away from all but the internet, and without it everything is in reach", async (t) => {
		const net = await world(t);
		const attack = [...Object.values(forbidden).flat(), ...services];

		// Control: without the guard the very same attempts succeed, for the agent as for root.
		assert.deepEqual(
			await net.attempts(agent, attack),
			attack.map(() => "ok"),
		);
		assert.deepEqual(net.seen().sort(), words(attack).sort());

		net.guard.on(resolvers.join(" "));
		for (const uid of [agent, subordinate]) {
			net.forget();
			const outcomes = await net.attempts(uid, attack);
			for (const [i, outcome] of outcomes.entries())
				assert.match(
					outcome,
					/^(ECONNREFUSED|EHOSTUNREACH|EACCES|EPERM)$/,
					`uid ${uid}: ${words(attack)[i]}`,
				);
			assert.deepEqual(net.seen(), [], `uid ${uid} got through`);
			assert.deepEqual(
				await net.attempts(uid, permitted),
				permitted.map(() => "ok"),
				`uid ${uid} needs this`,
			);
			assert.deepEqual(net.seen().sort(), words(permitted).sort());
		}
		// Others of the host are not in its way: tailscaled, resolved and the backup run as root.
		assert.deepEqual(
			await net.attempts(0, attack),
			attack.map(() => "ok"),
		);
		// Nobody but root reads the metadata, which hold the user-data.
		assert.deepEqual(await net.attempts(1000, [tcp("169.254.169.254", 80)]), [
			"ECONNREFUSED",
		]);
		t.diagnostic(
			`${attack.length} attempts, each refused and unseen for 2 uids`,
		);
	});

	test("lets nothing in but the tailnet", async (t) => {
		const net = await world(t);
		const open = [tcp(own.tailnet4, 8080), tcp(own.tailnet6, 8080)];
		const closed = [tcp(own.public4, 8080), tcp(own.public6, 8080)];
		const from = (ends: readonly End[]) => net.attempts(0, ends, "outside");
		assert.deepEqual(await from([...open, ...closed]), Array(4).fill("ok"));
		net.guard.on(resolvers.join(" "));
		assert.deepEqual(await from(open), ["ok", "ok"]);
		assert.deepEqual(await from(closed), ["timeout", "timeout"]);
	});

	test("opens only what is on the egress list, and names as they resolve", async (t) => {
		const net = await world(t);
		const listed = [tcp("198.51.100.80", 443), udp("192.0.2.53", 53)];
		const named = [tcp("198.51.100.53", 443), tcp("2001:db8:bad::53", 443)];
		const other = [tcp("2001:db8:80::1", 443)];
		const list = "198.51.100.80/32 chat.example";
		const resolve = () =>
			net.script(
				[`MOLTBOT_EGRESS=${list}`],
				"/usr/local/libexec/moltbot/egress",
			);
		const hosts = (text: string) =>
			writeFileSync(join(net.folder, "etc/hosts"), text);
		net.guard.on(resolvers.join(" "), list);
		assert.deepEqual(await net.attempts(agent, listed), ["ok", "ok"]);
		const refused = ["ECONNREFUSED", "ECONNREFUSED"];
		assert.deepEqual(await net.attempts(agent, named), refused);

		hosts("198.51.100.53 chat.example\n2001:db8:bad::53 chat.example\n");
		resolve();
		assert.deepEqual(await net.attempts(agent, named), ["ok", "ok"]);
		assert.deepEqual(await net.attempts(agent, other), ["ECONNREFUSED"]);
		// What a name resolves to opens no private network: the list comes last.
		hosts("198.51.100.53 chat.example\n10.1.2.3 chat.example\n");
		resolve();
		assert.deepEqual(await net.attempts(agent, [tcp("10.1.2.3", 443)]), [
			"ECONNREFUSED",
		]);
		// Control: without a list the rest of the internet is open.
		net.guard.on(resolvers.join(" "));
		assert.deepEqual(await net.attempts(agent, [...named, ...other]), [
			"ok",
			"ok",
			"ok",
		]);
	});

	test("is loaded as one: a table that is wrong leaves the one before", async (t) => {
		const net = await network(t, []);
		net.guard.on("192.0.2.53");
		assert.throws(() => net.guard.on("not-an-address"));
		assert.match(
			net.onHost("nft", "list", "table", "inet", "moltbot_guard"),
			/192\.0\.2\.53/,
		);
	});
});
