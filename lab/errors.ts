import { CodedError } from "../tools/errors.ts";

/** The lab cannot do what was asked. */
export class LabError extends CodedError<
	| "needs-root"
	| "unknown-command"
	| "not-up"
	| "daemon-failed"
	| "no-instance"
	| "no-reply"
> {}
