import type { ContentfulStatusCode } from "hono/utils/http-status";

/** An answer of a stand-in that is not a success; each cloud has its own form of it. */
export class Refusal extends Error {
	readonly status: ContentfulStatusCode;

	constructor(status: ContentfulStatusCode, message: string) {
		super(message);
		this.status = status;
	}
}

/** A refusal with a word for programs beside the sentence for people. */
export class CodedRefusal extends Refusal {
	readonly code: string;

	constructor(status: ContentfulStatusCode, code: string, message: string) {
		super(status, message);
		this.code = code;
	}
}
