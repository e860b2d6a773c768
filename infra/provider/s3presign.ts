/**
 * Presigned URLs for S3: AWS Signature Version 4 in the query string
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html). A pure function: the time is given.
 */
import { createHash, createHmac } from "node:crypto";

/** What may be done with the URL, and by whose right. */
export interface PresignRequest {
	readonly method: "GET" | "PUT";
	/** Full URL of the object, not encoded beyond what a URL needs. */
	readonly url: string;
	readonly region: string;
	readonly accessKeyId: string;
	readonly secretAccessKey: string;
	/** When the URL becomes valid, in milliseconds since 1970. */
	readonly at: number;
	/** For how long, in seconds (at most seven days). */
	readonly expires: number;
}

/** The URL with its signature. It is a secret for as long as it is valid. */
export function presign(request: PresignRequest): string {
	const url = new URL(request.url);
	const time = `${new Date(request.at).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
	const day = time.slice(0, 8);
	const scope = `${day}/${request.region}/s3/aws4_request`;
	const query = new Map([
		...url.searchParams,
		["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
		["X-Amz-Credential", `${request.accessKeyId}/${scope}`],
		["X-Amz-Date", time],
		["X-Amz-Expires", String(request.expires)],
		["X-Amz-SignedHeaders", "host"],
	]);
	const canonicalQuery = [...query]
		.map(([key, value]) => `${encode(key)}=${encode(value)}`)
		.sort()
		.join("&");
	const path = url.pathname
		.split("/")
		.map((part) => encode(decodeURIComponent(part)))
		.join("/");
	const canonical = [
		request.method,
		path,
		canonicalQuery,
		`host:${url.host}\n`,
		"host",
		"UNSIGNED-PAYLOAD",
	].join("\n");
	const toSign = [
		"AWS4-HMAC-SHA256",
		time,
		scope,
		createHash("sha256").update(canonical).digest("hex"),
	].join("\n");
	const key = [day, request.region, "s3", "aws4_request"].reduce<
		string | Buffer
	>(hmac, `AWS4${request.secretAccessKey}`);
	const signature = hmac(key, toSign).toString("hex");
	return `${url.origin}${path}?${canonicalQuery}&X-Amz-Signature=${signature}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
	return createHmac("sha256", key).update(text).digest();
}

/** Percent-encodes all but the unreserved characters of RFC 3986. */
function encode(text: string): string {
	return encodeURIComponent(text).replace(
		/[!'()*]/g,
		(c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
	);
}
