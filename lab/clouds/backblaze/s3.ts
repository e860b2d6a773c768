import { type Context, Hono } from "hono";
import { allows } from "./access.ts";
import { notEntitled, S3Error } from "./errors.ts";
import type { Bucket, Capability } from "./model.ts";
import { payloadOf } from "./payload.ts";
import * as bucketCalls from "./s3-buckets.ts";
import * as listing from "./s3-listing.ts";
import * as multipart from "./s3-multipart.ts";
import * as objects from "./s3-objects.ts";
import { decode, parseQuery, type Signed, verify } from "./sigv4.ts";
import type { Storage } from "./storage.ts";
import { bytesOf } from "./transfer.ts";

/** One signed call of the S3 endpoint. */
export class S3Call {
	readonly storage: Storage;
	readonly context: Context;
	readonly region: string;
	readonly signed: Signed;
	readonly query: ReadonlyMap<string, string>;
	readonly bucketName: string;
	readonly object: string;

	constructor(
		storage: Storage,
		context: Context,
		region: string,
		place: { bucket: string; object: string },
	) {
		this.storage = storage;
		this.context = context;
		this.region = region;
		this.signed = verify(context.req.raw, storage);
		this.query = new Map(parseQuery(new URL(context.req.url).search));
		this.bucketName = place.bucket;
		this.object = place.object;
	}

	/** The bytes of the body, checked against the signature while they are read. */
	get body(): AsyncIterable<Uint8Array> {
		const request = this.context.req.raw;
		return payloadOf(request, bytesOf(request), this.signed);
	}

	header(name: string): string | undefined {
		return this.context.req.header(name);
	}

	/** Refuses unless the key may do this to the bucket and name of the call. */
	need(capability: Capability, name: string | undefined = undefined): void {
		const bucket = this.storage.bucketNamed(this.bucketName)?.id;
		if (!allows(this.signed.key, capability, { bucket, name }))
			throw notEntitled();
	}

	/** The bucket of the call, when the key may do this to it. */
	bucket(capability: Capability, name?: string): Bucket {
		const { key } = this.signed;
		const bucket = this.storage.bucketNamed(this.bucketName);
		if (bucket && bucket.account !== key.account) throw notEntitled();
		if (!bucket && key.buckets !== null) throw notEntitled();
		if (!bucket)
			throw new S3Error(
				404,
				"NoSuchBucket",
				`The specified bucket does not exist: ${this.bucketName}`,
			);
		this.need(capability, name);
		return bucket;
	}
}

type Handler = (call: S3Call) => Response | Promise<Response>;

/** `METHOD level[?subresource]` → handler. What is not here is answered with 501, as B2 does for what it lacks. */
const handlers: Readonly<Record<string, Handler>> = {
	"GET service": bucketCalls.listBuckets,
	"HEAD bucket": bucketCalls.head,
	"PUT bucket": bucketCalls.create,
	"DELETE bucket": bucketCalls.remove,
	"GET bucket?location": bucketCalls.location,
	"GET bucket?versioning": bucketCalls.versioning,
	"PUT bucket?versioning": bucketCalls.setVersioning,
	"GET bucket?object-lock": bucketCalls.objectLock,
	"GET bucket": listing.listObjects,
	"GET bucket?versions": listing.listVersions,
	"GET bucket?uploads": multipart.listUploads,
	"POST bucket?delete": objects.removeMany,
	"GET object": objects.get,
	"HEAD object": objects.get,
	"PUT object": objects.put,
	"DELETE object": objects.remove,
	"POST object?uploads": multipart.start,
	"PUT object?uploadId": multipart.putPart,
	"POST object?uploadId": multipart.complete,
	"DELETE object?uploadId": multipart.abort,
	"GET object?uploadId": multipart.listParts,
};
const subresources = [
	"location",
	"versioning",
	"object-lock",
	"versions",
	"uploads",
	"uploadId",
	"delete",
	"acl",
	"cors",
	"encryption",
	"legal-hold",
	"lifecycle",
	"logging",
	"notification",
	"policy",
	"replication",
	"retention",
	"tagging",
	"website",
];

/** The S3-compatible endpoint: path style and virtual-host style, over the same buckets as the native API. */
export function s3Endpoint(storage: Storage, host: string): Hono {
	const region = host.split(".")[1] ?? "";
	const app = new Hono();
	app.all("*", async (c) => {
		const call = new S3Call(storage, c, region, placeOf(c, host));
		const level =
			call.bucketName === ""
				? "service"
				: call.object === ""
					? "bucket"
					: "object";
		const sub = subresources.find((name) => call.query.has(name));
		const operation = `${c.req.method} ${level}${sub ? `?${sub}` : ""}`;
		const handler = handlers[operation];
		if (!handler)
			throw new S3Error(
				501,
				"NotImplemented",
				`This API call is not supported: ${operation}`,
			);
		return handler(call);
	});
	return app;
}

function placeOf(c: Context, host: string) {
	const url = new URL(c.req.url);
	const path = url.pathname.slice(1);
	if (url.hostname !== host)
		return {
			bucket: url.hostname.slice(0, -host.length - 1),
			object: decode(path),
		};
	const slash = path.indexOf("/");
	return slash < 0
		? { bucket: decode(path), object: "" }
		: {
				bucket: decode(path.slice(0, slash)),
				object: decode(path.slice(slash + 1)),
			};
}
