/** A lab host cannot do what was asked; `code` is stable. */
export class LabHostError extends Error {
	readonly code: "not-running" | "boot-failed" | "boot-timeout";

	constructor(
		code: LabHostError["code"],
		message: string,
		options?: { cause?: unknown },
	) {
		super(message, options);
		this.name = "LabHostError";
		this.code = code;
	}
}
