import { RunError } from "@pulumi/pulumi/errors.js";

/**
 * A fault of the program's own input, with a stable code for tests and scripts. Pulumi shows a `RunError` as its message alone,
 * without the stack.
 */
export class ProgramError extends RunError {
	readonly code: string;

	constructor(code: string, message: string) {
		super(message);
		this.name = "ProgramError";
		this.code = code;
	}
}
