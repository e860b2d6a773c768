import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { isAlive } from "./access.ts";
import { S3Error } from "./errors.ts";
import type { Key } from "./model.ts";
import type { Storage } from "./storage.ts";

const algorithm = "AWS4-HMAC-SHA256";
const skewMs = 15 * 60_000;
const longestSeconds = 7 * 86_400;

/** Who signed a request, and what the bytes of its body must be checked against. */
export interface Signed {
	readonly key: Key;
	/** Value of `x-amz-content-sha256`; `UNSIGNED-PAYLOAD` for presigned addresses. */
	readonly payload: string;
	readonly signature: string;
	/** Signs a further string of the same day and scope, for chunked bodies. */
	sign(parts: readonly string[], label: string): string;
}

interface Claim {
	readonly credential: string;
	readonly signedHeaders: string;
	readonly signature: string;
	readonly date: string;
	readonly payload: string;
	/** Seconds; only for a presigned address. */
	readonly expires?: number;
}

/** Checks AWS Signature Version 4 of a request, in the Authorization header or in the query. */
export function verify(request: Request, storage: Storage): Signed {
	const url = new URL(request.url);
	const query = parseQuery(url.search);
	const claim = query.some(([name]) => name === "X-Amz-Signature")
		? claimInQuery(query)
		: claimInHeader(request);
	const [id = "", day = "", region = "", service, end] =
		claim.credential.split("/");
	if (service !== "s3" || end !== "aws4_request" || !claim.date.startsWith(day))
		throw new S3Error(
			400,
			"AuthorizationHeaderMalformed",
			"The credential scope must be <key>/<date>/<region>/s3/aws4_request.",
		);
	const key = keyOf(storage, id);
	checkTime(claim, storage.world.clock.now());
	const scope = `${day}/${region}/s3/aws4_request`;
	const secret = [day, region, "s3", "aws4_request"].reduce<string | Buffer>(
		(previous, part) => hmac(previous, part),
		`AWS4${key.secret}`,
	);
	const sign = (parts: readonly string[], label: string) =>
		hmac(secret, [label, claim.date, scope, ...parts].join("\n")).toString(
			"hex",
		);
	const expected = sign(
		[sha256(canonical(request, url, query, claim))],
		algorithm,
	);
	if (!equal(expected, claim.signature))
		throw new S3Error(
			403,
			"SignatureDoesNotMatch",
			"Signature validation failed",
		);
	return { key, payload: claim.payload, signature: claim.signature, sign };
}

/** Names and values of a query as they were before encoding. */
export function parseQuery(search: string): [string, string][] {
	if (search.length < 2) return [];
	return search
		.slice(1)
		.split("&")
		.map((pair) => {
			const [name = "", ...value] = pair.split("=");
			return [decode(name), decode(value.join("="))];
		});
}

/** Percent encoding as AWS wants it: everything but unreserved characters. */
export function encode(text: string): string {
	return encodeURIComponent(text).replaceAll(
		/[!'()*]/g,
		(c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
	);
}

/** Undoes percent encoding, or refuses as the service does. */
export function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw new S3Error(400, "InvalidURI", "Could not parse the specified URI.");
	}
}

export const sha256 = (data: string | Uint8Array) =>
	createHash("sha256").update(data).digest("hex");

/** Compares two signatures in constant time. */
export function equal(a: string, b: string): boolean {
	return (
		a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
	);
}

const hmac = (key: string | Buffer, data: string) =>
	createHmac("sha256", key).update(data).digest();

function claimInHeader(request: Request): Claim {
	const header = request.headers.get("authorization") ?? "";
	if (header === "")
		throw new S3Error(
			403,
			"AccessDenied",
			"Unauthenticated requests are not allowed for this api",
		);
	if (!header.startsWith(`${algorithm} `))
		throw new S3Error(
			400,
			"InvalidRequest",
			"The V2 signature authorization mechanism is not supported. Please use AWS4-HMAC-SHA256",
		);
	const fields = Object.fromEntries(
		header
			.slice(algorithm.length + 1)
			.split(",")
			.map((field) => field.trim().split("=")),
	) as Record<string, string | undefined>;
	const date = request.headers.get("x-amz-date");
	const { Credential, SignedHeaders, Signature } = fields;
	const payload = request.headers.get("x-amz-content-sha256");
	if (!Credential || !SignedHeaders || !Signature || !date || !payload)
		throw new S3Error(
			400,
			"AuthorizationHeaderMalformed",
			"Credential, SignedHeaders, Signature, x-amz-date and x-amz-content-sha256 are required.",
		);
	return {
		credential: Credential,
		signedHeaders: SignedHeaders,
		signature: Signature,
		date,
		payload,
	};
}

function claimInQuery(query: readonly [string, string][]): Claim {
	const field = (name: string) => {
		const value = query.find(([n]) => n === name)?.[1];
		if (value !== undefined) return value;
		throw new S3Error(
			400,
			"AuthorizationQueryParametersError",
			`Query parameter ${name} is missing.`,
		);
	};
	const expires = Number(field("X-Amz-Expires"));
	if (field("X-Amz-Algorithm") !== algorithm)
		throw new S3Error(
			400,
			"AuthorizationQueryParametersError",
			`X-Amz-Algorithm only supports "${algorithm}"`,
		);
	if (!Number.isInteger(expires) || expires < 1 || expires > longestSeconds)
		throw new S3Error(
			400,
			"AuthorizationQueryParametersError",
			`X-Amz-Expires must be from 1 to ${longestSeconds} seconds`,
		);
	return {
		credential: field("X-Amz-Credential"),
		signedHeaders: field("X-Amz-SignedHeaders"),
		signature: field("X-Amz-Signature"),
		date: field("X-Amz-Date"),
		payload: "UNSIGNED-PAYLOAD",
		expires,
	};
}

function keyOf(storage: Storage, id: string): Key {
	const key = storage.key(id);
	// The master key has the id of its account, which is no S3 access key.
	if (key?.master || id.length !== 25)
		throw new S3Error(403, "InvalidAccessKeyId", "Malformed Access Key Id");
	if (!key || !isAlive(storage, key))
		throw new S3Error(403, "InvalidAccessKeyId", "The key is not valid");
	return key;
}

function checkTime(claim: Claim, now: number): void {
	const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.date);
	const [, y, mo, d, h, mi, s] = (match ?? []).map(Number);
	const signed = Date.UTC(y ?? Number.NaN, (mo ?? 0) - 1, d, h, mi, s);
	if (Number.isNaN(signed))
		throw new S3Error(400, "AuthorizationHeaderMalformed", "Bad X-Amz-Date.");
	const early = signed > now + skewMs;
	if (claim.expires === undefined ? early || signed < now - skewMs : early)
		throw new S3Error(
			403,
			"RequestTimeTooSkewed",
			"The difference between the request time and the server's time is too large.",
		);
	if (claim.expires !== undefined && signed + claim.expires * 1000 <= now)
		throw new S3Error(403, "AccessDenied", "Request has expired");
}

function canonical(
	request: Request,
	url: URL,
	query: readonly [string, string][],
	claim: Claim,
): string {
	const path = url.pathname.split("/").map((part) => encode(decode(part)));
	const pairs = query
		.filter(([name]) => name !== "X-Amz-Signature")
		.map(([name, value]) => `${encode(name)}=${encode(value)}`)
		.sort(byBytes);
	const headers = claim.signedHeaders
		.split(";")
		.map((name) => `${name}:${headerValue(request, name)}\n`);
	return [
		request.method,
		path.join("/"),
		pairs.join("&"),
		headers.join(""),
		claim.signedHeaders,
		claim.payload,
	].join("\n");
}

const byBytes = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function headerValue(request: Request, name: string): string {
	return (request.headers.get(name) ?? "").trim().replaceAll(/ +/g, " ");
}
