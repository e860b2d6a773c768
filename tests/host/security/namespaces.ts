import { execFileSync, spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import type { End, Outcome } from "./wire.ts";

const wire = new URL("wire.ts", import.meta.url).pathname;
const scratch = new URL("../units/scratch.sh", import.meta.url).pathname;
const repository = new URL("../../..", import.meta.url).pathname;

/** Why this machine cannot run these tests, or false. */
export const skip =
	process.getuid?.() === 0 &&
	spawnSync("unshare", ["-mn", "nft", "list", "tables"]).status === 0
		? false
		: "needs root, network namespaces and nft";

/** What came in at a listener. */
export interface Arrival {
	readonly protocol: string;
	readonly local: string;
	readonly port: number;
	readonly payload: string;
}

const ip = (...argv: string[]) => execFileSync("ip", argv);

/** Addresses of the host of the test, and everything around it: all of them answer in one other namespace. */
export const own = {
	public4: "203.0.113.10",
	public6: "2001:db8:1::10",
	tailnet4: "100.100.1.10",
	tailnet6: "fd7a:115c:a1e0::10",
};

/**
 * A host with a public interface and a `tailscale0`, and a namespace beyond both that has every address of `around`.
 * The host's packet filter is the product's own script and table.
 */
export async function network(t: TestContext, around: readonly string[]) {
	const id = `mbt${process.pid}`;
	const [host, outside] = [`${id}-host`, `${id}-out`];
	const folder = mkdtempSync(join(tmpdir(), "moltbot-security-"));
	t.after(() => {
		for (const name of [host, outside])
			spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
		rmSync(folder, { recursive: true, force: true });
	});
	for (const name of [host, outside]) {
		ip("netns", "add", name);
		ip("-n", name, "link", "set", "lo", "up");
	}
	const cable = (device: string, far: string) => {
		const peer = ["type", "veth", "peer", "name", far, "netns", outside];
		ip("-n", host, "link", "add", device, ...peer);
		ip("-n", host, "link", "set", device, "up");
		ip("-n", outside, "link", "set", far, "up");
	};
	cable("eth0", "world");
	cable("tailscale0", "tailnet");
	const address = (name: string, device: string, value: string) =>
		ip("-n", name, "address", "add", value, "dev", device, ...nodad(value));
	address(host, "eth0", `${own.public4}/24`);
	address(host, "eth0", `${own.public6}/64`);
	address(host, "tailscale0", `${own.tailnet4}/10`);
	address(host, "tailscale0", `${own.tailnet6}/48`);
	address(outside, "world", "203.0.113.1/24");
	address(outside, "world", "2001:db8:1::1/64");
	for (const value of around) {
		const tailnet = /^(100\.|fd7a:)/.test(value);
		const length = value.includes(":") ? 128 : 32;
		address(outside, tailnet ? "tailnet" : "world", `${value}/${length}`);
	}
	const route = (...argv: string[]) => ip("-n", host, ...argv);
	route("route", "add", "default", "via", "203.0.113.1");
	route("-6", "route", "add", "default", "via", "2001:db8:1::1");
	ip("-n", outside, "route", "add", "100.64.0.0/10", "dev", "tailnet");
	ip("-n", outside, "-6", "route", "add", "fd7a::/16", "dev", "tailnet");

	const inside = (name: string, ...argv: string[]) =>
		spawn("ip", ["netns", "exec", name, ...argv], {
			stdio: ["ignore", "pipe", "inherit"],
		});

	/** Starts a listener in one of the two namespaces; `arrivals` grows with what reaches it. */
	const listen = async (where: "host" | "outside", ends: readonly End[]) => {
		const arrivals: Arrival[] = [];
		const child = inside(
			where === "host" ? host : outside,
			process.execPath,
			wire,
			"listen",
			JSON.stringify(ends),
		);
		t.after(() => child.kill());
		const lines = createInterface(child.stdout);
		await new Promise<void>((resolve, reject) => {
			lines.on("line", (line) => {
				if (line === "ready") resolve();
				else arrivals.push(JSON.parse(line) as Arrival);
			});
			child.on("exit", () => reject(new Error("the listener ended early")));
		});
		return arrivals;
	};

	/** Sends a word to each end, from the host or from outside, as a uid. */
	const attempts = async (
		uid: number,
		ends: readonly End[],
		where: "host" | "outside" = "host",
	): Promise<Outcome[]> => {
		const child = inside(
			where === "host" ? host : outside,
			process.execPath,
			wire,
			"try",
			String(uid),
			JSON.stringify(ends),
		);
		let text = "";
		for await (const chunk of child.stdout) text += chunk;
		return JSON.parse(text) as Outcome[];
	};

	const onHost = (...argv: string[]) =>
		execFileSync("ip", ["netns", "exec", host, ...argv], { encoding: "utf8" });
	const script = (environment: string[], ...argv: string[]) =>
		onHost(
			...["unshare", "-m", "--propagation", "private", scratch, folder],
			...["env", ...environment, ...argv],
		);
	script([], "true");
	copyFileSync(
		join(repository, "quadlets/host/guard.nft"),
		join(folder, "etc/moltbot/guard.nft"),
	);

	return {
		listen,
		attempts,
		onHost,
		folder,
		script,
		guard: {
			/** Loads the guard as its unit does. */
			on: (resolvers: string, egress = "") =>
				script(
					[`MOLTBOT_RESOLVERS=${resolvers}`, `MOLTBOT_EGRESS=${egress}`],
					"/usr/local/libexec/moltbot/guard",
				),
			off: () => onHost("nft", "delete", "table", "inet", "moltbot_guard"),
		},
	};
}

const nodad = (value: string) => (value.includes(":") ? ["nodad"] : []);
