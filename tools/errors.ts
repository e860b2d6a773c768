/** Something that the set-up needs is missing or failed; `code` is stable. */
export class SetupError extends Error {
	readonly code:
		| "no-go"
		| "go-build"
		| "no-apt"
		| "debian"
		| "no-python"
		| "python"
		| "unknown-tool";

	constructor(
		code: SetupError["code"],
		message: string,
		options?: { cause?: unknown },
	) {
		super(message, options);
		this.name = "SetupError";
		this.code = code;
	}

	/** Whether this machine cannot have the tool at all: a reason to leave a test out, unlike a download that failed. */
	get cannotBe(): boolean {
		return ["no-go", "no-apt", "no-python"].includes(this.code);
	}
}
