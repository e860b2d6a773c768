/** A fault of the program's own input, with a stable code for tests and scripts. */
export class ProgramError extends Error {
	readonly code: string;

	constructor(code: string, message: string) {
		super(message);
		this.name = "ProgramError";
		this.code = code;
	}
}
