/** The small objects that stack and host keep about themselves in the backup bucket. */
import { z } from "zod";

/** Folder of the claims. */
export const claimPrefix = "moltbot/generation/";

/** A generation that somebody claimed. The name ends in the number with leading zeros, so names sort as numbers do. */
export function claimName(generation: number): string {
	return `${claimPrefix}${String(generation).padStart(8, "0")}.json`;
}

/** The number in the name of a claim; undefined for any other file. */
export function claimNumber(name: string): number | undefined {
	const match = /^moltbot\/generation\/(\d{8})\.json$/.exec(name);
	return match ? Number(match[1]) : undefined;
}

export const claimSchema = z.object({
	fingerprint: z.string(),
	hostname: z.string(),
});

/** Its existence says that the host of this generation joined once and let us in. */
export function bornName(generation: number): string {
	return `moltbot/born/${generation}.json`;
}

export const bornSchema = z.looseObject({});

/** Where a booting host reports. */
export function beaconName(generation: number): string {
	return `moltbot/beacon/${generation}.json`;
}

export const beaconSchema = z.object({
	version: z.literal(1),
	generation: z.int(),
	stage: z.string(),
	unit: z.string().nullish(),
	lines: z.array(z.string()).default([]),
	at: z.string(),
});

/** What a booting host said last. */
export type BeaconReport = z.output<typeof beaconSchema>;

/** Written by the host after every complete backup. */
export const lastBackupName = "moltbot/last-backup.json";

export const lastBackupSchema = z.object({
	snapshot: z.string(),
	at: z.string(),
});
