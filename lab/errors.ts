/** The lab cannot do what was asked; `code` is stable. */
export class LabError extends Error {
	readonly code:
		| "needs-root"
		| "unknown-command"
		| "not-up"
		| "daemon-failed"
		| "no-instance"
		| "no-reply";

	constructor(
		code: LabError["code"],
		message: string,
		options?: { cause?: unknown },
	) {
		super(message, options);
		this.name = "LabError";
		this.code = code;
	}
}
