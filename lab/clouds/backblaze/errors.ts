import type { ContentfulStatusCode } from "hono/utils/http-status";

/** A refusal of the native API: `{status, code, message}` as B2 documents it. */
export class B2Error extends Error {
	readonly status: ContentfulStatusCode;
	readonly code: string;
	constructor(status: ContentfulStatusCode, code: string, message: string) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

/** A refusal of the S3 endpoint, sent as the XML `Error` document. */
export class S3Error extends Error {
	readonly status: ContentfulStatusCode;
	readonly code: string;
	constructor(status: ContentfulStatusCode, code: string, message: string) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

export const badRequest = (message: string) =>
	new B2Error(400, "bad_request", message);
export const unauthorized = () =>
	new B2Error(401, "unauthorized", "unauthorized");
/** S3's answer to a key that may not do this; the wording is Backblaze's. */
export const notEntitled = () =>
	new S3Error(403, "AccessDenied", "not entitled");
