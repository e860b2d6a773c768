import { anthropicCloud, anthropicOptions } from "./anthropic/index.ts";
import { type BackblazeOptions, backblaze } from "./backblaze/index.ts";
import type { Cloud, World } from "./cloud.ts";
import { discordCloud, discordOptions } from "./discord/index.ts";
import {
	createOnePassword,
	type OnePasswordOptions,
} from "./onepassword/index.ts";
import { type RegistryOptions, registry } from "./registry/index.ts";
import { createTailscale, type TailscaleOptions } from "./tailscale/index.ts";
import {
	createVultr,
	type Hypervisor,
	type VultrOptions,
} from "./vultr/index.ts";

/** What some stand-ins need beside their options. */
export interface Machinery {
	/** Where Vultr instances run. */
	hypervisor?: Hypervisor | undefined;
}

/** A stand-in that `main.ts` can start from a configuration file. */
export interface CatalogEntry {
	/** Key of its options in the configuration file. */
	name: string;
	/** Makes it; `options` is what the file holds for it (or `undefined`), checked by the stand-in itself. */
	create(
		world: World,
		options: unknown,
		machinery: Machinery,
	): Cloud | Promise<Cloud>;
}

/** Every stand-in that `node lab/clouds/main.ts` starts. */
export const catalog: readonly CatalogEntry[] = [
	{
		name: "vultr",
		create: (world, options, { hypervisor }) =>
			createVultr(world, options as VultrOptions, hypervisor),
	},
	{
		name: "onepassword",
		create: (world, options) =>
			createOnePassword(world, options as OnePasswordOptions),
	},
	{
		name: "tailscale",
		create: (world, options) =>
			createTailscale(world, options as TailscaleOptions),
	},
	{
		name: "backblaze",
		create: (world, options) => backblaze(world, options as BackblazeOptions),
	},
	{
		name: "registry",
		create: (world, options) => registry(world, options as RegistryOptions),
	},
	{
		name: "discord",
		create: (world, options) =>
			discordCloud(world, discordOptions.parse(options ?? {})),
	},
	{
		name: "anthropic",
		create: (world, options) =>
			anthropicCloud(world, anthropicOptions.parse(options ?? {})),
	},
];
