import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cached, cacheFolder, contentKey } from "../../../tools/cache.mjs";
import { programOf } from "../program.ts";

/** So long may a kernel take to find that it has no root; translated, not accelerated, it needs 3 s. */
const patience = 6000;

/**
 * How virtual machines run here: KVM where it works, translated otherwise. That /dev/kvm opens proves nothing, so a kernel is booted
 * until it complains that it has no root; asked once in each boot of this machine.
 */
export async function acceleration(
	vmTree: string,
	vm: string,
): Promise<"kvm" | "tcg"> {
	try {
		accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
	} catch {
		return "tcg";
	}
	const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
	const folder = await cached(
		join(cacheFolder(), "lab", `vm-kvm-${contentKey(boot, vm)}`),
		async (temporary) => {
			const works = await boots(vmTree, join(vm, "vmlinuz"));
			writeFileSync(join(temporary, "result"), works ? "kvm" : "tcg");
		},
	);
	const result = readFileSync(join(folder, "result"), "utf8");
	return result === "kvm" ? "kvm" : "tcg";
}

function boots(vmTree: string, kernel: string): Promise<boolean> {
	const [file = "", ...argv] = programOf(vmTree, "usr/bin/qemu-system-x86_64");
	const child = spawn(
		file,
		[
			...argv,
			...["-L", join(vmTree, "usr/share/qemu")],
			...["-L", join(vmTree, "usr/share/seabios")],
			...["-machine", "q35", "-accel", "kvm", "-cpu", "max", "-m", "256"],
			...["-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"],
			...["-kernel", kernel, "-append", "console=ttyS0 panic=-1"],
		],
		{ stdio: ["ignore", "pipe", "pipe"] },
	);
	return new Promise((resolve) => {
		let text = "";
		const end = (works: boolean) => {
			clearTimeout(timer);
			child.kill("SIGKILL");
			resolve(works);
		};
		const timer = setTimeout(() => end(false), patience);
		child.stdout.on("data", (chunk: Buffer) => {
			text += chunk.toString();
			if (text.includes("Unable to mount root")) end(true);
		});
		child.stderr.on("data", (chunk: Buffer) => {
			if (chunk.includes("KVM internal error")) end(false);
		});
		child.on("error", () => end(false));
		child.on("close", () => end(false));
	});
}
