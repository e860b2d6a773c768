import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import {
	cached,
	cacheFolder,
	contentKey,
	step,
} from "../../../tools/cache.mjs";
import { debianTree, type HostArtefacts, hostArtefacts } from "../artefacts.ts";
import { acceleration } from "./acceleration.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "build.sh");
const guest = join(import.meta.dirname, "guest");

/** QEMU, the kernel, and what goes into the initramfs and onto the disk. */
const packages = [
	...["qemu-system-x86", "linux-image-cloud-amd64", "qemu-guest-agent"],
	...["busybox-static", "kmod", "cpio", "xz-utils"],
];

/** What every virtual machine of the lab is made from; see VmOptions. */
export interface VmArtefacts extends HostArtefacts {
	/** Tree with QEMU. */
	readonly vmTree: string;
	/** Folder with kernel, initramfs and the disk before Ignition. */
	readonly vm: string;
	readonly acceleration: "kvm" | "tcg";
}

/**
 * Brings what virtual machines of the lab are made from, in the same tree as the other lab hosts: built on first use, minutes, then
 * taken from the cache.
 *
 * @throws SetupError with what to install, where the machine lacks something
 */
export async function vmArtefacts(): Promise<VmArtefacts> {
	const host = await hostArtefacts();
	const vmTree = await debianTree("vm", packages);
	const files = readdirSync(guest).sort();
	const key = contentKey(
		...[vmTree, host.rootTree],
		...[script, ...files.map((name) => join(guest, name))].map((file) =>
			readFileSync(file),
		),
	);
	const vm = await cached(
		join(cacheFolder(), "lab", `vm-disk-${key}`),
		(temporary) =>
			step("making disk and initramfs of the virtual machine", async () => {
				await run(script, [vmTree, host.rootTree, host.tools, temporary]);
			}),
	);
	return { ...host, vmTree, vm, acceleration: await acceleration(vmTree, vm) };
}
