import { mkdirSync } from "node:fs";
import type { Machine } from "../clouds/vultr/hypervisor.ts";
import type { HostArtefacts } from "../host/artefacts.ts";
import type { LabHost } from "../host/host.ts";
import { HostLine } from "../network/hostLine.ts";
import type { Place } from "../place.ts";
import { makeHost } from "./kind.ts";

/** A Vultr instance as it runs here: a lab host on a line of its own. */
export class RunningMachine {
	readonly machine: Machine;
	readonly #host: LabHost;
	readonly #line: HostLine;
	readonly #tools: string;
	#watch: AbortController | undefined;

	private constructor(
		machine: Machine,
		host: LabHost,
		line: HostLine,
		tools: string,
	) {
		this.machine = machine;
		this.#host = host;
		this.#line = line;
		this.#tools = tools;
	}

	/** Nothing happens yet: see `start` and `find`. */
	static async of(
		place: Place,
		artefacts: HostArtefacts,
		machine: Machine,
	): Promise<RunningMachine> {
		const short = machine.id.slice(0, 8);
		const line = new HostLine(place, short, machine.addresses);
		const folder = place.machines;
		mkdirSync(folder, { recursive: true });
		const host = await makeHost(place, artefacts, {
			id: place.host(machine.id),
			dir: `${folder}/${machine.id}`,
			netns: line.namespace,
		});
		return new RunningMachine(machine, host, line, artefacts.tools);
	}

	/** Powers it on; the first time with a new disk. */
	async start(): Promise<void> {
		await this.#line.connect(this.#tools, this.machine.firewall());
		await this.#host.boot();
		this.#report();
	}

	/** Finds it as the stand-in left it: what runs is only watched. */
	async find(power: "running" | "stopped"): Promise<void> {
		if (!(await this.#host.isRunning())) {
			if (power === "running") await this.start();
			return;
		}
		await this.#line.connect(this.#tools, this.machine.firewall());
		this.#report();
	}

	async powerOff(): Promise<void> {
		this.#watch?.abort();
		await this.#host.powerOff();
	}

	async destroy(): Promise<void> {
		this.#watch?.abort();
		await this.#host.destroy();
		await this.#line.disconnect();
	}

	applyFirewall(): Promise<void> {
		return this.#line.applyFirewall(this.machine.firewall());
	}

	/** Stops watching; the machine goes on. */
	forget(): void {
		this.#watch?.abort();
	}

	/** Tells the stand-in when the guest powers itself off. */
	#report(): void {
		this.#watch?.abort();
		const watch = new AbortController();
		this.#watch = watch;
		this.#host.off(watch.signal).then(
			(why) => {
				if (why === "guest") this.machine.report("stopped");
			},
			(error: unknown) => {
				if (!watch.signal.aborted) console.error("lab host:", error);
			},
		);
	}
}
