import type { FirewallRule } from "./model.ts";
import type { Plan } from "./reference.ts";

/** The addresses that the platform gives a machine. */
export interface Addresses {
	v4: { address: string; netmask: string; gateway: string } | null;
	v6: { address: string; network: string; prefix: number } | null;
}

/** An instance as the machine room sees it. */
export interface Machine {
	id: string;
	hostname: string;
	label: string;
	tags: readonly string[];
	region: string;
	osId: number;
	plan: Plan;
	/** Decoded user-data. A later change shows up in the metadata service, not here. */
	userData: Buffer;
	addresses: Addresses;
	/** The metadata service of this machine, to be served as plain HTTP on 169.254.169.254:80. Answers from live state. */
	metadata(request: Request): Response | Promise<Response>;
	/** Inbound rules now in force; `null`: no group attached, everything is let in. */
	firewall(): readonly FirewallRule[] | null;
	/** To be called whenever the machine came up or went down by itself (a guest's own poweroff, a crash). */
	report(power: "running" | "stopped"): void;
}

/**
 * Where instances really run. The API calls these in order, one at a time per instance, and does not let the HTTP
 * answer wait for them. A rejected promise is written to stderr and leaves the instance as it was.
 */
export interface Hypervisor {
	/**
	 * Makes the machine's disk and starts it. Resolves when it is powered on, not when the guest is up. Asked again for the
	 * same id after the stand-in died half-way: begin anew.
	 */
	create(machine: Machine): Promise<void>;
	/** The stand-in was restarted and this machine is in its books: find it again, or bring it back. */
	resume(machine: Machine, power: "running" | "stopped"): Promise<void>;
	start(id: string): Promise<void>;
	/** Hard power-off: the guest gets no notice. */
	powerOff(id: string): Promise<void>;
	/** Hard reset with the same disk. */
	reboot(id: string): Promise<void>;
	/** Hard power-off, then the disk is gone. */
	destroy(id: string): Promise<void>;
	/** The firewall of this machine changed. */
	firewallChanged?(id: string): Promise<void>;
	/** The stand-in ends. */
	close?(): Promise<void>;
}
