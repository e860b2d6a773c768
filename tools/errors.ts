/** An error with a stable `code` for programs and a sentence for people. */
export class CodedError<Code extends string> extends Error {
	readonly code: Code;

	constructor(code: Code, message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = new.target.name;
		this.code = code;
	}
}

/** Something that the set-up needs is missing or failed. */
export class SetupError extends CodedError<
	| "no-go"
	| "go-build"
	| "no-apt"
	| "debian"
	| "no-python"
	| "python"
	| "unknown-tool"
> {
	/** Whether this machine cannot have the tool at all: a reason to leave a test out, unlike a download that failed. */
	get cannotBe(): boolean {
		return ["no-go", "no-apt", "no-python"].includes(this.code);
	}
}
