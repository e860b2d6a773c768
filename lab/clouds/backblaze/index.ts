import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Cloud, CloudFactory } from "../cloud.ts";
import { B2Error, S3Error } from "./errors.ts";
import { Lifecycle } from "./lifecycle.ts";
import { nativeApi } from "./native.ts";
import { operations } from "./operations.ts";
import { s3Endpoint } from "./s3.ts";
import { defaultAccount, SeedAccount, seed } from "./seed.ts";
import { Storage } from "./storage.ts";
import { transfers } from "./transfer.ts";
import { xml } from "./xml.ts";

export { defaultAccount, type SeedAccount } from "./seed.ts";

export const s3Host = "s3.us-west-004.backblazeb2.com";

/** What may be said about this stand-in, in the lab's configuration file or by a test. */
export const BackblazeOptions = z.strictObject({
	/** Accounts that exist from the start. */
	accounts: z.array(SeedAccount).prefault([defaultAccount]),
	/** What `b2_authorize_account` hands out, for clients that cannot resolve the real names. */
	addresses: z
		.strictObject({ api: z.url(), download: z.url(), s3: z.url() })
		.default({
			api: "https://api004.backblazeb2.com",
			download: "https://f004.backblazeb2.com",
			s3: `https://${s3Host}`,
		}),
});
export type BackblazeOptions = z.input<typeof BackblazeOptions>;

/** Backblaze B2: the native API (v1–v4) and the S3 endpoint over one store on disk. */
export const backblaze: CloudFactory<BackblazeOptions | undefined> = (
	world,
	options = {},
): Cloud => {
	const { accounts, addresses } = BackblazeOptions.parse(options);
	const storage = new Storage(world);
	const lifecycle = new Lifecycle(storage);
	seed(storage, accounts);
	const native = new Hono()
		.route("/", transfers(storage, addresses))
		.route("/", nativeApi(storage, addresses, operations))
		.onError(nativeError);
	native.notFound((c) =>
		nativeError(new B2Error(404, "not_found", "Unknown address"), c),
	);
	const s3 = s3Endpoint(storage, s3Host).onError(s3Error);
	const app = new Hono();
	app.all("*", (c) => {
		lifecycle.settle();
		const { hostname } = new URL(c.req.url);
		const isS3 = hostname === s3Host || hostname.endsWith(`.${s3Host}`);
		return (isS3 ? s3 : native).fetch(c.req.raw);
	});
	return {
		name: "backblaze",
		hosts: [
			"api.backblazeb2.com",
			"api004.backblazeb2.com",
			"f004.backblazeb2.com",
			s3Host,
			`*.${s3Host}`,
		],
		app,
		snapshot() {
			lifecycle.settle();
			return snapshot(storage);
		},
		async close() {
			storage.close();
		},
	};
};

/** Buckets with their versions, and keys without their secrets. */
function snapshot(storage: Storage) {
	return {
		buckets: storage.allBuckets().map((bucket) => ({
			...bucket,
			files: [...storage.versions(bucket.id)],
		})),
		keys: storage.allKeys().map(({ secret: _, ...key }) => key),
	};
}

function nativeError(error: Error, c: Context): Response {
	const { status, code, message } =
		error instanceof B2Error
			? error
			: new B2Error(500, "internal_error", error.message);
	return c.json({ status, code, message }, status);
}

function s3Error(error: Error, c: Context): Response {
	const { status, code, message } =
		error instanceof S3Error
			? error
			: new S3Error(500, "InternalError", error.message);
	if (c.req.method === "HEAD") return new Response(null, { status });
	return xml("Error", { Code: code, Message: message }, status);
}
