import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { Addresses } from "../clouds/vultr/hypervisor.ts";
import type { FirewallRule } from "../clouds/vultr/model.ts";
import { Daemon } from "../daemon.ts";
import type { Place } from "../place.ts";
import { resolverAddress } from "./addresses.ts";
import { dnsmasq } from "./dnsmasq.ts";
import { applyFirewall } from "./firewall.ts";
import { internet } from "./internet.ts";
import { connect, disconnect, type Link, namespacePath } from "./link.ts";

const run = promisify(execFile);
const ip = (...argv: string[]) => run("ip", argv);

/**
 * The public line of one machine: its namespace, the device at the provider's end, DHCP and router advertisements on it, and the
 * provider's firewall.
 */
export class HostLine {
	readonly #place: Place;
	readonly #id: string;
	readonly #addresses: Addresses;
	readonly #link: Link;
	readonly #dhcp: Daemon;

	/** @param id first characters of the instance's id */
	constructor(place: Place, id: string, addresses: Addresses) {
		this.#place = place;
		this.#id = id;
		this.#addresses = addresses;
		this.#dhcp = new Daemon(place, `dhcp-${id}`);
		this.#link = {
			namespace: place.namespace(id),
			labNamespace: place.namespace(internet),
			labDevice: `h${id}`,
			labAddress: `${addresses.v4?.gateway ?? "203.0.113.1"}/24`,
		};
	}

	/** Path of the machine's network namespace. */
	get namespace(): string {
		return namespacePath(this.#link.namespace);
	}

	/** Makes the line where it is not there, and closes the firewall before anything can pass. */
	async connect(
		tools: string,
		rules: readonly FirewallRule[] | null,
	): Promise<void> {
		if (!existsSync(this.namespace)) {
			await connect(this.#link);
			await this.applyFirewall(rules);
			await this.#address();
		} else await this.applyFirewall(rules);
		await this.#startDhcp(tools);
	}

	applyFirewall(rules: readonly FirewallRule[] | null): Promise<void> {
		const { labNamespace, labDevice } = this.#link;
		return applyFirewall(labNamespace, labDevice, rules);
	}

	/** The machine must be off. */
	async disconnect(): Promise<void> {
		await this.#dhcp.stop();
		if (existsSync(this.namespace)) await disconnect(this.#link);
	}

	async #address(): Promise<void> {
		const { v4, v6 } = this.#addresses;
		const { namespace, labNamespace, labDevice } = this.#link;
		const outside = ["-n", labNamespace];
		const inside = ["-n", namespace];
		await ip(...inside, "link", "set", "eth0", "up");
		if (v4) {
			// Every machine's gateway has the same address, each on its own line.
			const whole = ["route", "delete", "203.0.113.0/24", "dev", labDevice];
			await ip(...outside, ...whole).catch(() => undefined);
			const route = ["route", "add", `${v4.address}/32`, "dev", labDevice];
			await ip(...outside, ...route);
			// What the initramfs gets by DHCP, so that Ignition reaches the metadata service.
			await ip(...inside, "address", "add", `${v4.address}/24`, "dev", "eth0");
			await ip(...inside, "route", "add", "default", "via", v4.gateway);
		}
		if (v6) {
			const gateway = `${v6.network}1/${v6.prefix}`;
			const add = ["address", "add", gateway, "dev", labDevice, "nodad"];
			await ip(...outside, ...add);
		}
	}

	async #startDhcp(tools: string): Promise<void> {
		const { v4, v6 } = this.#addresses;
		await this.#dhcp.start({
			argv: dnsmasq(
				tools,
				"--port=0",
				`--interface=${this.#link.labDevice}`,
				"--bind-dynamic",
				`--dhcp-leasefile=${this.#place.path("log", `dhcp-${this.#id}.leases`)}`,
				"--dhcp-authoritative",
				// It would ask for three seconds whether somebody has the address already; there is one machine on the line.
				"--no-ping",
				...(v4
					? [
							`--dhcp-range=${v4.address},${v4.address},${v4.netmask},24h`,
							`--dhcp-option=option:router,${v4.gateway}`,
							`--dhcp-option=option:dns-server,${resolverAddress}`,
						]
					: []),
				...(v6
					? [
							"--enable-ra",
							`--dhcp-range=${v6.address},${v6.address},${v6.prefix},24h`,
						]
					: []),
			),
			namespace: this.#link.labNamespace,
			ready: async () => undefined,
		});
	}
}
