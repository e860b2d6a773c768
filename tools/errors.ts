/** Something that the set-up needs is missing or failed; `code` is stable. */
export class SetupError extends Error {
	readonly code: "no-go" | "go-build" | "debian" | "unknown-tool";

	constructor(
		code: SetupError["code"],
		message: string,
		options?: { cause?: unknown },
	) {
		super(message, options);
		this.name = "SetupError";
		this.code = code;
	}
}
