/** What went wrong, as a word that tests and scripts can rely on. */
export type ErrorCode =
	| "credential_missing"
	| "credential_refused"
	| "not_allowed"
	| "not_found"
	| "conflict"
	| "invalid_request"
	| "rate_limited"
	| "unavailable"
	| "unexpected_answer"
	| "network"
	| "untrusted_certificate"
	| "timeout"
	| "interrupted"
	| "invalid_input"
	| "bucket_not_ours"
	| "bucket_name_taken"
	| "object_lock_stays"
	| "generation_used_up"
	| "generation_outdated"
	| "claim_contended"
	| "instance_lost_from_state"
	| "instance_failed"
	| "name_taken"
	| "boot_failed"
	| "ssh_unreachable"
	| "ssh_refused"
	| "last_backup_failed"
	| "last_backup_unreachable"
	| "secret_missing"
	| "delivery_failed"
	| "agent_not_ready"
	| "agent_dead"
	| "unexpected_host_answer";

/** An error meant for the operator: its message is complete and carries no secret. */
export class ProviderError extends Error {
	readonly code: ErrorCode;

	constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "ProviderError";
		this.code = code;
	}
}

/** What an API said when it refused. */
export interface Refusal {
	/** Name of the API, for people. */
	readonly api: string;
	/** HTTP status; absent when there was no answer. */
	readonly status?: number | undefined;
	/** The API's own word for the fault, for example `duplicate_bucket_name`. */
	readonly serverCode?: string | undefined;
	/** `WWW-Authenticate`, where the server says how to log in. */
	readonly challenge?: string | undefined;
	/** The API's own sentence. */
	readonly serverMessage?: string | undefined;
}

/** A call of an API that failed for good. */
export class ApiError extends ProviderError {
	readonly refusal: Refusal;

	constructor(code: ErrorCode, message: string, refusal: Refusal) {
		super(code, message);
		this.name = "ApiError";
		this.refusal = refusal;
	}
}

/**
 * A resource that exists but is not in order. The engine keeps it in its state, so that a later `up` mends it and a
 * destroy deletes it (`id`, `properties` and `reasons` are what the Pulumi server looks for).
 */
export class HalfMadeError extends ProviderError {
	readonly id: string;
	readonly properties: Readonly<Record<string, unknown>>;
	reasons: string[];

	constructor(
		cause: { code: ErrorCode; message: string },
		id: string,
		properties: Readonly<Record<string, unknown>>,
	) {
		super(cause.code, cause.message);
		this.name = "HalfMadeError";
		this.id = id;
		this.properties = properties;
		this.reasons = [cause.message];
	}

	/** The same error with other properties. */
	withProperties(properties: Record<string, unknown>): HalfMadeError {
		return new HalfMadeError(this, this.id, properties);
	}
}

/** Whether an error is an API's answer of this code. */
export function isApiError(error: unknown, code: ErrorCode): error is ApiError {
	return error instanceof ApiError && error.code === code;
}
