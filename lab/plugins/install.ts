import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandPlugin } from "./command/command.ts";
import { onepasswordPlugin } from "./onepassword/onepassword.ts";
import type { Plugin } from "./plugin.ts";
import { tailscalePlugin } from "./tailscale/tailscale.ts";

/** The stand-in plugins. */
export const plugins: readonly Plugin[] = [
	tailscalePlugin(fetch),
	onepasswordPlugin(fetch),
	commandPlugin(),
];

/**
 * Lays the stand-in plugins out in a PULUMI_HOME as if they had been installed, so the engine takes them without a
 * warning. Where a plugin of that version is installed already it stays: the real one is always better.
 *
 * @returns names of those that were laid out
 */
export function installStandInPlugins(pulumiHome: string): string[] {
	const installed: string[] = [];
	for (const { name, version } of plugins) {
		const folder = join(pulumiHome, "plugins", `resource-${name}-v${version}`);
		const file = `pulumi-resource-${name}`;
		if (isThere(folder, file)) continue;
		rmSync(folder, { recursive: true, force: true });
		mkdirSync(folder, { recursive: true });
		const target = join(import.meta.dirname, name, file);
		writeFileSync(
			join(folder, file),
			`#!/bin/sh\nexec ${quoted(target)} "$@"\n`,
			{ mode: 0o755 },
		);
		installed.push(name);
	}
	return installed;
}

function isThere(folder: string, file: string): boolean {
	try {
		return readdirSync(folder).includes(file);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
		throw error;
	}
}

function quoted(path: string): string {
	return `'${path.replaceAll("'", `'\\''`)}'`;
}
