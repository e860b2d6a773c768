import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostArtefacts } from "../host/artefacts.ts";
import { type HostOptions, LabHost } from "../host/host.ts";
import { vmArtefacts } from "../host/vm/artefacts.ts";
import { VmHost, vmDisk } from "../host/vm/vmHost.ts";
import type { Place } from "../place.ts";

/** As much as the smallest plan that the settings take, in MiB. */
const memory = 4096;

const mark = (place: Place) => place.path("vm");

/** Minutes that a translated processor may need for two boots, where others work too; the join key lives no longer. */
const bootMinutes = 60;

/** Settings of the stack that new machines of this lab need. */
export function kindSettings(place: Place): Record<string, string> {
	return existsSync(mark(place)) ? { bootMinutes: String(bootMinutes) } : {};
}

/** From now on every new machine of this lab gets a kernel of its own, until the lab is cleaned. Brings what that needs. */
export async function chooseVms(place: Place): Promise<void> {
	await vmArtefacts();
	writeFileSync(mark(place), "");
}

/** The lab host that a machine is: of the kind that its disk was made for; a new one as the lab is told. */
export async function makeHost(
	place: Place,
	artefacts: HostArtefacts,
	machine: Pick<HostOptions, "id" | "dir" | "netns">,
): Promise<LabHost> {
	const { dir } = machine;
	const options: HostOptions = {
		...machine,
		...artefacts,
		config: { platform: "vultr" },
	};
	const has = (name: string) => existsSync(join(dir, name));
	const isVm = has(vmDisk) || (!has("disk.img") && existsSync(mark(place)));
	if (!isVm) return new LabHost(options);
	return new VmHost({ ...options, ...(await vmArtefacts()), memory });
}
