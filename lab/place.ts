import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** Root of the repository. */
export const repository = resolve(import.meta.dirname, "..");

/** Where one lab keeps everything, and the names that it uses on this machine. */
export class Place {
	/** State of this lab; nothing of it is anywhere else. */
	readonly folder: string;
	/** Tells the labs of a machine apart: in names of namespaces, cgroups and machines. */
	readonly id: string;

	/** @param folder default: MOLTBOT_LAB, else `.lab` in the checkout */
	constructor(folder = process.env.MOLTBOT_LAB ?? join(repository, ".lab")) {
		this.folder = resolve(folder);
		this.id = createHash("sha256")
			.update(this.folder)
			.digest("hex")
			.slice(0, 6);
		mkdirSync(this.folder, { recursive: true, mode: 0o700 });
	}

	path(...parts: string[]): string {
		return join(this.folder, ...parts);
	}

	/** State of the stand-in clouds. */
	get clouds(): string {
		return this.path("clouds");
	}

	/** Disks and consoles of the machines: the lab's privilege, out of the operator's sight. */
	get machines(): string {
		return this.path("hosts");
	}

	/** Socket of the control interface of the stand-ins. */
	get controlSocket(): string {
		return this.path("clouds", "control.sock");
	}

	/** Network namespace of that role, or of a host. */
	namespace(name: string): string {
		return `moltbot-${this.id}-${name}`;
	}

	/** Name of an instance on this machine: its cgroup, its machine, its namespace. */
	host(instance: string): string {
		return `${this.id}-host-${instance.slice(0, 8)}`;
	}
}
