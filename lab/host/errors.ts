import { CodedError } from "../../tools/errors.ts";

/** A lab host cannot do what was asked. */
export class LabHostError extends CodedError<
	"not-running" | "boot-failed" | "boot-timeout"
> {}
