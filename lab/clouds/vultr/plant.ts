import type { Store } from "../cloud.ts";
import type { Hypervisor, Machine } from "./hypervisor.ts";
import { metadataService } from "./metadata.ts";
import type { Account, Instance } from "./model.ts";
import { plans } from "./reference.ts";

/** Drives the hypervisor, one step after the other for each instance, behind the API's back. */
export interface Plant {
	create(instance: Instance): void;
	start(instance: Instance): void;
	powerOff(instance: Instance): void;
	reboot(instance: Instance): void;
	reinstall(instance: Instance): void;
	destroy(instance: Instance): void;
	firewallChanged(groupId: string): void;
	firewallOfInstanceChanged(instance: Instance): void;
	/** Resolves when everything asked for so far is done. */
	idle(): Promise<void>;
	close(): Promise<void>;
}

/** Without a hypervisor the books alone say what is up. */
export function createPlant(
	store: Store<Account>,
	network: string,
	hypervisor: Hypervisor | undefined,
): Plant {
	const queues = new Map<string, Promise<void>>();

	function enqueue(id: string, step: () => Promise<void>): void {
		const previous = queues.get(id) ?? Promise.resolve();
		const next = previous.then(step).catch((error: unknown) => {
			console.error(`vultr: instance ${id}:`, error);
		});
		queues.set(id, next);
	}

	function setPower(instance: Instance, power: "running" | "stopped"): void {
		if (instance.deleted !== null) return;
		instance.power = power;
		if (power === "running") instance.booted = true;
		store.save();
	}

	/** Without a hypervisor at once, with one when it is done. */
	function after(
		instance: Instance,
		power: "running" | "stopped",
		step: (hypervisor: Hypervisor) => Promise<void>,
	): void {
		if (!hypervisor) {
			setPower(instance, power);
			return;
		}
		enqueue(instance.id, async () => {
			await step(hypervisor);
			setPower(instance, power);
		});
	}

	function machine(instance: Instance): Machine {
		const plan = plans.find((candidate) => candidate.id === instance.plan);
		if (!plan) throw new Error(`no plan ${instance.plan}`);
		return {
			id: instance.id,
			hostname: instance.hostname,
			label: instance.label,
			tags: instance.tags,
			region: instance.region,
			osId: instance.osId,
			plan,
			userData: Buffer.from(instance.userData, "base64"),
			addresses: {
				v4: instance.v4
					? {
							address: instance.v4,
							netmask: "255.255.255.0",
							gateway: `${network}.1`,
						}
					: null,
				v6: instance.v6
					? {
							address: instance.v6,
							network: instance.v6.replace(/::.*$/, "::"),
							prefix: 64,
						}
					: null,
			},
			metadata: metadataService(instance, network),
			firewall: () =>
				store.data.firewallGroups.find(
					(group) => group.id === instance.firewallGroupId,
				)?.rules ?? null,
			report: (power) => setPower(instance, power),
		};
	}

	const notify = (instance: Instance) => {
		if (hypervisor?.firewallChanged && instance.deleted === null)
			enqueue(instance.id, async () =>
				hypervisor.firewallChanged?.(instance.id),
			);
	};

	const create = (instance: Instance) =>
		after(instance, "running", (host) => host.create(machine(instance)));

	if (hypervisor)
		for (const instance of store.data.instances) {
			if (instance.deleted !== null) continue;
			if (!instance.booted) create(instance);
			else
				enqueue(instance.id, () =>
					hypervisor.resume(machine(instance), instance.power),
				);
		}

	return {
		create,
		start: (instance) =>
			after(instance, "running", (host) => host.start(instance.id)),
		powerOff(instance) {
			setPower(instance, "stopped");
			if (hypervisor)
				enqueue(instance.id, () => hypervisor.powerOff(instance.id));
		},
		reboot: (instance) =>
			after(instance, "running", (host) => host.reboot(instance.id)),
		reinstall: (instance) =>
			after(instance, "running", async (host) => {
				await host.destroy(instance.id);
				await host.create(machine(instance));
			}),
		destroy(instance) {
			if (hypervisor)
				enqueue(instance.id, () => hypervisor.destroy(instance.id));
		},
		firewallChanged(groupId) {
			for (const instance of store.data.instances)
				if (instance.firewallGroupId === groupId) notify(instance);
		},
		firewallOfInstanceChanged: notify,
		async idle() {
			await Promise.all(queues.values());
		},
		async close() {
			await Promise.all(queues.values());
			await hypervisor?.close?.();
		},
	};
}
