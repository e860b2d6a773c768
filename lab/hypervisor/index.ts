/**
 * The machine room of the lab: Vultr instances are lab hosts. Loaded by `lab/clouds/main.ts --hypervisor`, in the network namespace
 * that is the lab's internet. Which lab it belongs to is in MOLTBOT_LAB.
 */
import type { HypervisorFactory } from "../clouds/main.ts";
import type { Machine } from "../clouds/vultr/hypervisor.ts";
import { hostArtefacts } from "../host/artefacts.ts";
import { Place } from "../place.ts";
import { RunningMachine } from "./machines.ts";
import { serveMetadata } from "./metadata.ts";

const factory: HypervisorFactory = async () => {
	const place = new Place();
	const artefacts = await hostArtefacts();
	const machines = new Map<string, RunningMachine>();
	const closeMetadata = await serveMetadata(
		(address) =>
			[...machines.values()].find(
				({ machine }) => machine.addresses.v4?.address === address,
			)?.machine,
	);
	const take = async (machine: Machine): Promise<RunningMachine> => {
		const taken = await RunningMachine.of(place, artefacts, machine);
		machines.set(machine.id, taken);
		return taken;
	};
	const find = (id: string): RunningMachine => {
		const machine = machines.get(id);
		if (!machine) throw new Error(`there is no machine ${id}`);
		return machine;
	};
	return {
		async create(machine) {
			const made = await take(machine);
			await made.destroy();
			await made.start();
		},
		resume: async (machine, power) => (await take(machine)).find(power),
		start: (id) => find(id).find("running"),
		powerOff: (id) => find(id).powerOff(),
		reboot: (id) => find(id).start(),
		async destroy(id) {
			await find(id).destroy();
			machines.delete(id);
		},
		firewallChanged: (id) => find(id).applyFirewall(),
		async close() {
			for (const machine of machines.values()) machine.forget();
			await closeMetadata();
		},
	};
};

export default factory;
