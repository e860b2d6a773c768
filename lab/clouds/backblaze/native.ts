import { type Context, Hono } from "hono";
import type { z } from "zod";
import { allows, isAlive, type Target } from "./access.ts";
import { B2Error, badRequest, unauthorized } from "./errors.ts";
import type { Bucket, Capability, FileVersion, Key, Token } from "./model.ts";
import type { Storage } from "./storage.ts";

/** Base addresses that `b2_authorize_account` hands out. */
export interface Addresses {
	readonly api: string;
	readonly download: string;
	readonly s3: string;
}

/** One authorised call of the native API: who asks, in which version, with what. */
export class Call {
	readonly storage: Storage;
	readonly addresses: Addresses;
	readonly version: number;
	readonly key: Key;
	readonly #body: unknown;

	constructor(
		storage: Storage,
		addresses: Addresses,
		version: number,
		key: Key,
		body: unknown,
	) {
		this.storage = storage;
		this.addresses = addresses;
		this.version = version;
		this.key = key;
		this.#body = body;
	}

	/** The parameters, checked. */
	read<S extends z.ZodType>(schema: S): z.output<S> {
		const result = schema.safeParse(this.#body);
		if (result.success) return result.data;
		const [issue] = result.error.issues;
		throw badRequest(
			`${issue?.path.join(".") || "request"}: ${issue?.message ?? "invalid"}`,
		);
	}

	/** Refuses unless the key may do this. */
	need(capability: Capability, to: Target = {}): void {
		if (!allows(this.key, capability, to)) throw unauthorized();
	}

	/** A bucket of the caller's account on which it has this capability. */
	bucket(id: string, capability: Capability, name?: string): Bucket {
		this.need(capability, { bucket: id, name });
		const bucket = this.storage.bucket(id);
		if (bucket?.account !== this.key.account)
			throw new B2Error(400, "bad_bucket_id", `Bucket does not exist: ${id}`);
		return bucket;
	}

	/** A file version in a bucket of the caller's account on which it has this capability. */
	file(
		id: string,
		capability: Capability,
	): { file: FileVersion; bucket: Bucket } {
		const file = this.storage.file(id);
		if (!file) {
			this.need(capability);
			throw new B2Error(404, "not_found", `File not present: ${id}`);
		}
		const bucket = this.bucket(file.bucket, capability, file.name);
		return { file, bucket };
	}

	/** Hands out a token of this key. */
	token(
		kind: Token["kind"],
		seconds: number,
		to: Partial<Pick<Token, "bucket" | "file" | "prefix">> = {},
	): string {
		return issue(this.storage, this.key, kind, seconds, to);
	}
}

/** Makes a token that works for that long. */
export function issue(
	storage: Storage,
	key: Key,
	kind: Token["kind"],
	seconds: number,
	to: Partial<Pick<Token, "bucket" | "file" | "prefix">> = {},
): string {
	const token = `4_004${key.account}_${storage.world.random(24)}_${kind === "account" ? "acct" : kind}`;
	storage.saveToken({
		token,
		kind,
		key: key.id,
		bucket: null,
		file: null,
		prefix: null,
		...to,
		expires: storage.world.clock.now() + seconds * 1000,
	});
	return token;
}

/** The key behind a token of that kind; 401 as B2 says it when the token or its key is gone or too old. */
export function bearer(
	storage: Storage,
	token: string | undefined,
	kind: Token["kind"],
): { token: Token; key: Key } {
	const found = token === undefined ? undefined : storage.token(token);
	const key = found && storage.key(found.key);
	if (!found || !key || found.kind !== kind)
		throw new B2Error(401, "bad_auth_token", "Invalid authorization token");
	if (found.expires <= storage.world.clock.now() || !isAlive(storage, key))
		throw new B2Error(
			401,
			"expired_auth_token",
			"Authorization token has expired",
		);
	return { token: found, key };
}

/** One operation: its answer, or a promise of it. */
export type Operation = (call: Call) => unknown;

/** The JSON operations under `/b2api/v1`…`/b2api/v4`. */
export function nativeApi(
	storage: Storage,
	addresses: Addresses,
	operations: Readonly<Record<string, Operation>>,
): Hono {
	const app = new Hono();
	app.on(["GET", "POST"], "/b2api/:version{v[1-4]}/b2_authorize_account", (c) =>
		c.json(authorize(c, storage, addresses)),
	);
	app.on(["GET", "POST"], "/b2api/:version{v[1-4]}/:operation", async (c) => {
		const operation = operations[c.req.param("operation")];
		if (!operation)
			throw new B2Error(
				404,
				"not_found",
				`Unknown operation: ${c.req.param("operation")}`,
			);
		const { key } = bearer(storage, c.req.header("authorization"), "account");
		const body = c.req.method === "GET" ? queryBody(c) : await jsonBody(c);
		const version = versionOf(c);
		return c.json(
			(await operation(
				new Call(storage, addresses, version, key, body),
			)) as object,
		);
	});
	return app;
}

async function jsonBody(c: Context): Promise<unknown> {
	try {
		return await c.req.json();
	} catch {
		throw badRequest("Request body is not valid JSON");
	}
}

/** GET carries parameters in the query; whole numbers are numbers. */
function queryBody(c: Context): unknown {
	return Object.fromEntries(
		Object.entries(c.req.query()).map(([name, value]) => [
			name,
			name.startsWith("max") ? Number(value) : value,
		]),
	);
}

function versionOf(c: Context): number {
	return Number(c.req.param("version")?.slice(1));
}

function authorize(c: Context, storage: Storage, addresses: Addresses) {
	const [scheme, encoded = ""] = (c.req.header("authorization") ?? "").split(
		" ",
	);
	const [id = "", secret] = Buffer.from(encoded, "base64")
		.toString()
		.split(":");
	const key = storage.key(id);
	if (scheme !== "Basic" || !key || key.secret !== secret)
		throw new B2Error(401, "bad_auth_token", "Invalid authorization");
	if (!isAlive(storage, key))
		throw new B2Error(401, "expired_auth_token", "Application key has expired");
	const day = 86_400;
	const left =
		key.expires === null
			? day
			: Math.min(day, (key.expires - storage.world.clock.now()) / 1000);
	const head = {
		accountId: key.account,
		authorizationToken: issue(storage, key, "account", left),
	};
	const places = {
		absoluteMinimumPartSize: 5_000_000,
		apiUrl: addresses.api,
		downloadUrl: addresses.download,
		recommendedPartSize: 100_000_000,
		s3ApiUrl: addresses.s3,
	};
	const buckets = key.buckets?.map((bucket) => ({
		id: bucket,
		name: storage.bucket(bucket)?.name ?? null,
	}));
	const single = {
		bucketId: buckets?.[0]?.id ?? null,
		bucketName: buckets?.[0]?.name ?? null,
		capabilities: key.capabilities,
		namePrefix: key.prefix,
	};
	const version = versionOf(c);
	// A key for several buckets cannot be said in the older shapes.
	if (version < 4 && (buckets?.length ?? 0) > 1)
		throw new B2Error(
			400,
			"bad_request",
			"Multi-bucket application keys need API version 4",
		);
	if (version < 3)
		return {
			...head,
			...places,
			minimumPartSize: places.recommendedPartSize,
			allowed: single,
		};
	const allowed = {
		buckets: buckets ?? null,
		capabilities: key.capabilities,
		namePrefix: key.prefix,
	};
	return {
		...head,
		apiInfo: {
			storageApi: {
				infoType: "storageApi",
				...places,
				...(version === 3 ? single : { allowed }),
			},
		},
		applicationKeyExpirationTimestamp: key.expires,
	};
}
