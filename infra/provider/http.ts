/** One way to talk to an API: retries, deadline, abort, checked answers, and errors that say what to do. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ApiError, type ErrorCode, ProviderError } from "./errors.ts";
import { type ApiName, messages, refused } from "./messages.ts";

/** How long and how often to try. All times in milliseconds. */
export interface RetryPolicy {
	readonly attempts: number;
	/** Upper end of the first pause; it doubles with every attempt and is drawn evenly from zero (full jitter). */
	readonly firstPause: number;
	readonly longestPause: number;
	/** For one attempt. */
	readonly attemptTimeout: number;
	/** For all attempts together. */
	readonly deadline: number;
}

export const defaultPolicy: RetryPolicy = {
	attempts: 7,
	firstPause: 500,
	longestPause: 20_000,
	attemptTimeout: 30_000,
	deadline: 180_000,
};

/** Reads the fault out of an error body. */
export type FaultReader = (body: unknown) => {
	code?: string | undefined;
	message?: string | undefined;
};

/** One call. */
export interface Call<T> {
	readonly api: ApiName;
	/** What is being done, for errors: `creating instance "moltbot"`. */
	readonly doing: string;
	readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
	readonly url: string | URL;
	readonly headers?: Readonly<Record<string, string>>;
	/** A string or bytes go as they are, anything else as JSON. */
	readonly body?: unknown;
	/** What the answer must look like; without it the body is not read. */
	readonly schema?: z.ZodType<T>;
	/**
	 * Whether the call may be sent again. `safe`: twice is as good as once. A function: the call makes something, so
	 * before it is sent again the function looks whether the lost attempt did, and gives what it made.
	 */
	readonly again: "safe" | "never" | (() => Promise<T | undefined>);
	readonly fault: FaultReader;
	/** What to do about an error of this kind, where it is more than the API's usual remedy. */
	readonly remedies?: Partial<Record<ErrorCode, string>>;
}

/** An answer that was accepted. */
export interface Answer<T> {
	readonly data: T;
	readonly status: number;
	readonly headers: Headers;
}

/** How an attempt ended when it did not succeed. */
interface Failure {
	readonly error: ApiError;
	readonly retriable: boolean;
	/** True if the server certainly did nothing. */
	readonly untouched: boolean;
	/** What the server asked us to wait, in milliseconds. */
	readonly wait?: number | undefined;
}

const untouchedCodes = new Set([
	"ECONNREFUSED",
	"ENOTFOUND",
	"EAI_AGAIN",
	"EHOSTUNREACH",
	"ENETUNREACH",
	"UND_ERR_CONNECT_TIMEOUT",
]);

const codeOf: Record<number, ErrorCode> = {
	401: "credential_refused",
	403: "not_allowed",
	404: "not_found",
	409: "conflict",
	410: "not_found",
	412: "conflict",
	429: "rate_limited",
};

const retriableStatus = new Set([408, 429, 500, 502, 503, 504]);

/** Sends calls. `signal` ends everything at once. */
export class Http {
	readonly #policy: RetryPolicy;
	readonly #signal: AbortSignal;

	constructor(signal: AbortSignal, policy: RetryPolicy = defaultPolicy) {
		this.#signal = signal;
		this.#policy = policy;
	}

	async send<T>(call: Call<T>): Promise<Answer<T>> {
		const policy = this.#policy;
		const deadline = performance.now() + policy.deadline;
		for (let attempt = 1; ; attempt++) {
			const remaining = deadline - performance.now();
			const outcome = await this.#attempt(
				call,
				Math.ceil(Math.min(policy.attemptTimeout, Math.max(remaining, 1))),
			);
			if ("data" in outcome) return outcome;
			if (!outcome.retriable || attempt >= policy.attempts) throw outcome.error;
			if (call.again === "never" && !outcome.untouched) throw outcome.error;
			const pause = Math.max(
				outcome.wait ?? 0,
				Math.random() *
					Math.min(policy.longestPause, policy.firstPause * 2 ** (attempt - 1)),
			);
			if (performance.now() + pause >= deadline) throw outcome.error;
			await this.pause(pause, call.doing).catch((error: unknown) => {
				throw this.#isLate() ? outcome.error : error;
			});
			if (typeof call.again === "function" && !outcome.untouched) {
				const found = await call.again();
				if (found !== undefined)
					return { data: found, status: 200, headers: new Headers() };
			}
		}
	}

	/** Waits, unless it is interrupted. */
	async pause(milliseconds: number, doing: string): Promise<void> {
		try {
			await sleep(milliseconds, undefined, { signal: this.#signal });
		} catch {
			throw new ProviderError("interrupted", messages.interrupted(doing));
		}
	}

	/** Whether it was a deadline of the caller that ended it, and not the operator. */
	#isLate(): boolean {
		const { aborted, reason } = this.#signal;
		return aborted && reason instanceof Error && reason.name === "TimeoutError";
	}

	async #attempt<T>(
		call: Call<T>,
		timeout: number,
	): Promise<Answer<T> | Failure> {
		const timer = AbortSignal.timeout(timeout);
		const url = new URL(call.url);
		try {
			const response = await fetch(url, {
				method: call.method,
				headers: {
					accept: "application/json",
					"user-agent": "moltbot",
					...(isRaw(call.body) || call.body === undefined
						? {}
						: { "content-type": "application/json" }),
					...call.headers,
				},
				body: encode(call.body),
				// A redirect could carry the credential to another host; none of these APIs sends one.
				redirect: "manual",
				signal: AbortSignal.any([this.#signal, timer]),
			});
			const text = call.method === "HEAD" ? "" : await response.text();
			return response.ok
				? read(call, url, response, text)
				: refusal(call, url, response, text);
		} catch (error) {
			if (error instanceof ProviderError) throw error;
			if (this.#isLate())
				throw timeoutFailure(call, this.#policy.deadline).error;
			if (this.#signal.aborted)
				throw new ProviderError(
					"interrupted",
					messages.interrupted(call.doing),
				);
			return timer.aborted
				? timeoutFailure(call, timeout)
				: networkFailure(call, url, error);
		}
	}
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> {
	return typeof body === "string" || body instanceof Uint8Array;
}

function encode(body: unknown): string | Uint8Array<ArrayBuffer> | null {
	if (body === undefined) return null;
	return isRaw(body) ? body : JSON.stringify(body);
}

function read<T>(
	call: Call<T>,
	url: URL,
	response: Response,
	text: string,
): Answer<T> {
	const { status, headers } = response;
	if (!call.schema) {
		// Nobody asked for the body, but a web page is not the API's answer, and what was asked was not done.
		if (isPage(headers, text)) throw notJson(call, url, status, text);
		return { data: undefined as T, status, headers };
	}
	const parsed = call.schema.safeParse(json(call, url, response, text));
	if (parsed.success) return { data: parsed.data, status, headers };
	const issue = parsed.error.issues[0];
	throw new ApiError(
		"unexpected_answer",
		messages.unexpectedShape(
			call.api,
			call.doing,
			issue ? `${issue.path.join(".") || "body"}: ${issue.message}` : "body",
		),
		{ api: call.api.name, status },
	);
}

function json<T>(
	call: Call<T>,
	url: URL,
	response: Response,
	text: string,
): unknown {
	try {
		return JSON.parse(text);
	} catch {
		throw notJson(call, url, response.status, text);
	}
}

function notJson<T>(
	call: Call<T>,
	url: URL,
	status: number,
	text: string,
): ApiError {
	const { api, doing, method } = call;
	const kind = method === "HEAD" ? "a web page" : kindOf(text);
	return new ApiError(
		"unexpected_answer",
		messages.notJson(api, doing, url.host, status, kind),
		{ api: api.name, status },
	);
}

function isPage(headers: Headers, text: string): boolean {
	const type = headers.get("content-type") ?? "";
	return type.startsWith("text/html") || /^\s*</.test(text);
}

function kindOf(text: string): string {
	if (text.trim() === "") return "nothing";
	return /^\s*</.test(text) ? "a web page" : "text";
}

function refusal<T>(
	call: Call<T>,
	url: URL,
	response: Response,
	text: string,
): Failure {
	const { status } = response;
	if (status < 400) {
		throw new ApiError(
			"unexpected_answer",
			messages.notJson(call.api, call.doing, url.host, status, "a redirect"),
			{ api: call.api.name, status },
		);
	}
	const fault = readFault(call.fault, text);
	const code =
		codeOf[status] ?? (status >= 500 ? "unavailable" : "invalid_request");
	const refusalOf = {
		api: call.api.name,
		status,
		serverCode: fault.code,
		serverMessage: fault.message,
		challenge: response.headers.get("www-authenticate") ?? undefined,
	};
	return {
		error: new ApiError(
			code,
			refused(call.api, call.doing, code, refusalOf, call.remedies?.[code]),
			refusalOf,
		),
		retriable: retriableStatus.has(status),
		untouched: status === 429,
		wait: retryAfter(response.headers),
	};
}

function readFault(reader: FaultReader, text: string): ReturnType<FaultReader> {
	try {
		return reader(JSON.parse(text));
	} catch {
		return {};
	}
}

/** `Retry-After` in milliseconds: seconds, or a date measured against the server's own clock. */
export function retryAfter(headers: Headers): number | undefined {
	const value = headers.get("retry-after")?.trim();
	if (!value) return undefined;
	if (/^\d+$/.test(value)) return Number(value) * 1000;
	const until = Date.parse(value);
	if (Number.isNaN(until)) return undefined;
	const now = Date.parse(headers.get("date") ?? "");
	return Math.max(0, until - (Number.isNaN(now) ? Date.now() : now));
}

function timeoutFailure<T>(call: Call<T>, timeout: number): Failure {
	return {
		error: new ApiError(
			"timeout",
			messages.timeout(call.api, call.doing, Math.ceil(timeout / 1000)),
			{ api: call.api.name },
		),
		retriable: true,
		untouched: false,
	};
}

const cause = z.object({ code: z.string() });

function networkFailure<T>(call: Call<T>, url: URL, error: unknown): Failure {
	const inner = error instanceof Error ? error.cause : undefined;
	const parsed = cause.safeParse(inner);
	const code = parsed.success ? parsed.data.code : "no connection";
	const untrusted = /CERT|SIGNATURE|SELF_SIGNED|ERR_TLS/.test(code);
	const message = untrusted ? messages.untrusted : messages.unreachable;
	return {
		error: new ApiError(
			untrusted ? "untrusted_certificate" : "network",
			message(call.api, call.doing, url.host, code),
			{ api: call.api.name },
		),
		retriable: !untrusted,
		untouched: untouchedCodes.has(code),
	};
}
