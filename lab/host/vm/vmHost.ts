import { join } from "node:path";
import { type HostOptions, LabHost } from "../host.ts";
import type { VmArtefacts } from "./artefacts.ts";
import { GuestAgent } from "./guestAgent.ts";

/** Its disk, in the folder of the host; another name than the fast one's, which it could not boot from. */
export const vmDisk = "vm.img";

/** What a virtual machine of the lab is made from. */
export interface VmOptions extends HostOptions, VmArtefacts {
	/** MiB; default 2048. */
	readonly memory?: number;
	/** Default 2. */
	readonly cpus?: number;
}

/**
 * A lab host with a kernel of its own: cgroup limits, its own clock, modules, memory. The same tree and the same Ignition as the fast
 * one; see docs/lab.md.
 */
export class VmHost extends LabHost {
	declare readonly options: VmOptions;
	protected override readonly script = join(import.meta.dirname, "boot.sh");
	readonly #agent: GuestAgent;
	#clock = "";

	constructor(options: VmOptions) {
		super(options);
		this.#agent = new GuestAgent(join(options.dir, "agent.sock"));
	}

	/** What its clock says at each power-on from now on; undefined: the machine's time. It runs on from there. */
	set clock(time: Date | undefined) {
		this.#clock = time?.toISOString().slice(0, 19) ?? "";
	}

	protected override environment(): Record<string, string> {
		const { vm, vmTree, acceleration, memory, cpus } = this.options;
		return {
			...super.environment(),
			VM: vm,
			VM_TREE: vmTree,
			ACCEL: acceleration,
			MEMORY: String(memory ?? 2048),
			CPUS: String(cpus ?? 2),
			CLOCK: this.#clock,
		};
	}

	override async exec(
		argv: readonly string[],
		signal?: AbortSignal,
	): Promise<{ stdout: string; stderr: string }> {
		if (!(await this.isRunning())) throw this.notRunning();
		const path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin";
		return this.#agent.exec(["/usr/bin/env", "-i", path, ...argv], signal);
	}

	/** Power cut. What the guest had not written is lost with its memory, so that it is the same as powerOff. */
	override async cutPower(): Promise<void> {
		if (!(await this.isRunning())) throw this.notRunning();
		await this.powerOff();
	}
}
