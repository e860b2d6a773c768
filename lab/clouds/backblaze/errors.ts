import { CodedRefusal } from "../refusal.ts";

/** A refusal of the native API: `{status, code, message}` as B2 documents it. */
export class B2Error extends CodedRefusal {}

/** A refusal of the S3 endpoint, sent as the XML `Error` document. */
export class S3Error extends CodedRefusal {}

export const badRequest = (message: string) =>
	new B2Error(400, "bad_request", message);
export const unauthorized = () =>
	new B2Error(401, "unauthorized", "unauthorized");
/** S3's answer to a key that may not do this; the wording is Backblaze's. */
export const notEntitled = () =>
	new S3Error(403, "AccessDenied", "not entitled");
