import { z } from "zod";
import { B2Error, badRequest } from "./errors.ts";
import { Capability } from "./model.ts";
import type { Call } from "./native.ts";
import { keyView } from "./views.ts";

const thousandDays = 86_400_000;

/** `b2_create_key`; v4 takes `bucketIds`, older versions `bucketId`. */
export function create(call: Call) {
	const input = call.read(
		z.object({
			accountId: z.string(),
			capabilities: z.array(Capability).min(1),
			keyName: z.string().regex(/^[A-Za-z0-9-]{1,100}$/),
			validDurationInSeconds: z.int().min(1).max(thousandDays).nullish(),
			bucketId: z.string().nullish(),
			bucketIds: z.array(z.string()).min(1).nullish(),
			namePrefix: z.string().nullish(),
		}),
	);
	call.need("writeKeys");
	if (input.accountId !== call.key.account)
		throw badRequest("accountId does not belong to the authorization token");
	const given =
		call.version >= 4
			? input.bucketIds
			: input.bucketId == null
				? null
				: [input.bucketId];
	for (const id of given ?? []) call.bucket(id, "writeKeys");
	const serial = String(call.storage.count("key")).padStart(10, "0");
	const key = {
		id: `004${call.key.account}${serial}`,
		account: call.key.account,
		name: input.keyName,
		secret: `K004${Buffer.from(call.storage.world.random(20), "hex").toString("base64")}`,
		capabilities: input.capabilities,
		buckets: given ?? null,
		prefix: input.namePrefix ?? null,
		expires:
			input.validDurationInSeconds == null
				? null
				: call.storage.world.clock.now() + input.validDurationInSeconds * 1000,
		master: false,
		multi: call.version >= 4 && given != null,
	};
	call.storage.saveKey(key);
	return { ...keyView(key, call.version), applicationKey: key.secret };
}

/**
 * `b2_list_keys`: version 4 lists multi-bucket keys only, older versions all others
 * (https://www.backblaze.com/apidocs/b2-list-keys, "API Versions").
 */
export function list(call: Call) {
	const input = call.read(
		z.object({
			accountId: z.string(),
			maxKeyCount: z.int().min(1).max(10_000).default(100),
			startApplicationKeyId: z.string().nullish(),
		}),
	);
	call.need("listKeys");
	const keys = call.storage
		.keys(call.key.account)
		.filter((key) => key.id >= (input.startApplicationKeyId ?? ""))
		.filter((key) => key.multi === call.version >= 4);
	return {
		keys: keys
			.slice(0, input.maxKeyCount)
			.map((key) => keyView(key, call.version)),
		nextApplicationKeyId: keys[input.maxKeyCount]?.id ?? null,
	};
}

/** `b2_delete_key`: tokens of the key are worthless from now on. */
export function remove(call: Call) {
	const { applicationKeyId } = call.read(
		z.object({ applicationKeyId: z.string() }),
	);
	call.need("deleteKeys");
	const key = call.storage.key(applicationKeyId);
	if (!key || key.account !== call.key.account || key.master)
		throw new B2Error(
			400,
			"bad_request",
			`Key id does not exist: ${applicationKeyId}`,
		);
	call.storage.removeKey(key.id);
	return keyView(key, call.version);
}
