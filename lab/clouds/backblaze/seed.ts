import { z } from "zod";
import { capabilities } from "./model.ts";
import type { Storage } from "./storage.ts";

/** An account that exists from the start. */
export const SeedAccount = z.strictObject({
	/** Also the id of the master key. */
	accountId: z.string().regex(/^[0-9a-f]{12}$/, "must be 12 hex digits"),
	/** The secret of the master key. */
	masterKey: z.string().min(1),
	/** Buckets that the account already has; bucket names are global among all accounts. */
	buckets: z
		.array(
			z.strictObject({
				name: z.string(),
				bucketInfo: z.record(z.string(), z.string()).default({}),
			}),
		)
		.default([]),
});
export type SeedAccount = z.input<typeof SeedAccount>;

/** The account of the lab where nothing else is seeded. */
export const defaultAccount: SeedAccount = {
	accountId: "b2a4c1d90e7f",
	masterKey: "004labMasterKeyOfTheBackupStore",
};

/** Makes accounts and buckets that are not there yet; what is there stays as it is. */
export function seed(storage: Storage, accounts: readonly SeedAccount[]): void {
	for (const { accountId, masterKey, buckets = [] } of accounts) {
		if (!storage.key(accountId))
			storage.saveKey({
				id: accountId,
				account: accountId,
				name: "Master Application Key",
				secret: masterKey,
				capabilities: [...capabilities],
				buckets: null,
				prefix: null,
				expires: null,
				master: true,
				multi: false,
			});
		for (const { name, bucketInfo = {} } of buckets)
			if (!storage.bucketNamed(name))
				storage.saveBucket({
					...newBucket(storage, accountId, name),
					info: { ...bucketInfo },
				});
	}
}

/** A private bucket with nothing set. */
export function newBucket(storage: Storage, account: string, name: string) {
	return {
		id: storage.world.random(12),
		account,
		name,
		type: "allPrivate" as const,
		info: {},
		cors: [],
		lifecycle: [],
		locked: false,
		retention: { mode: null, period: null },
		encryption: { mode: null },
		revision: 1,
	};
}
