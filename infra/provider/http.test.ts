import assert from "node:assert/strict";
import {
	createServer,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { z } from "zod";
import { ApiError, type ProviderError } from "./errors.ts";
import { type Call, defaultPolicy, Http, type RetryPolicy } from "./http.ts";
import { apis } from "./messages.ts";
import { failure } from "./testing.ts";

const token = "canary-token-0123456789";
const quick: RetryPolicy = {
	attempts: 4,
	firstPause: 2,
	longestPause: 8,
	attemptTimeout: 1000,
	deadline: 10_000,
};

type Step = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers with one step after the other, the last one for ever. */
async function serve(t: TestContext, ...steps: Step[]) {
	const seen: string[] = [];
	const server = createServer((request, response) => {
		const step = steps[Math.min(seen.length, steps.length - 1)];
		seen.push(`${request.method} ${request.url}`);
		step?.(request, response);
	});
	await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	return { url: `http://127.0.0.1:${port}/thing`, seen };
}

const answer =
	(status: number, body: unknown, headers: Record<string, string> = {}): Step =>
	(_request, response) => {
		response.writeHead(status, headers);
		response.end(typeof body === "string" ? body : JSON.stringify(body));
	};
const reset: Step = (request) => request.socket.resetAndDestroy();
const silent: Step = () => {};
const ok = answer(200, { value: 1 });

function call(
	url: string,
	rest: Partial<Call<{ value: number }>> = {},
): Call<{ value: number }> {
	return {
		api: apis.vultr,
		doing: 'reading "thing"',
		method: "GET",
		url,
		headers: { authorization: `Bearer ${token}` },
		schema: z.object({ value: z.number() }),
		again: "safe",
		fault: (body) => ({
			message: z.object({ error: z.string() }).parse(body).error,
		}),
		...rest,
	};
}

async function quietFailure(run: Promise<unknown>): Promise<ProviderError> {
	const error = await failure(run);
	assert.ok(!error.message.includes(token), "no token in a message");
	return error;
}

const signal = () => new AbortController().signal;

for (const [name, steps] of [
	["429", [answer(429, { error: "slow down" }), ok]],
	["500", [answer(500, { error: "oops" }), ok]],
	["502 with a web page", [answer(502, "<html>bad</html>"), ok]],
	["503", [answer(503, ""), answer(503, ""), answer(503, ""), ok]],
	["504", [answer(504, ""), ok]],
	["a reset", [reset, ok]],
	["a time-out", [silent, ok]],
] as const) {
	test(`${name} is overcome by asking again`, async (t) => {
		const { url, seen } = await serve(t, ...steps);
		const { data } = await new Http(signal(), quick).send(call(url));
		assert.deepEqual(data, { value: 1 });
		assert.equal(seen.length, steps.length);
	});
}

for (const [status, code, words] of [
	[400, "invalid_request", /refused \(400\): "Invalid plan"\. /],
	[401, "credential_refused", /VULTR_API_KEY was not accepted \(401\)/],
	[403, "not_allowed", /VULTR_API_KEY may not do this \(403\)/],
	[404, "not_found", /not there \(404\)/],
	[409, "conflict", /in use or being changed \(409\)/],
	[422, "invalid_request", /refused \(422\)/],
] as const) {
	test(`${status} fails at once and says what to do`, async (t) => {
		const { url, seen } = await serve(
			t,
			answer(status, { error: "Invalid plan." }),
		);
		const error = await quietFailure(new Http(signal(), quick).send(call(url)));
		assert.ok(error instanceof ApiError);
		assert.deepEqual([error.code, error.refusal.status], [code, status]);
		assert.match(error.message, /^Vultr, reading "thing": /);
		assert.match(error.message, words);
		assert.equal(seen.length, 1);
	});
}

for (const [name, step, code, words] of [
	[
		"429 for ever",
		answer(429, { error: "slow down" }),
		"rate_limited",
		/too many requests/,
	],
	["500 for ever", answer(500, ""), "unavailable", /status\.vultr\.com/],
	["resets for ever", reset, "network", /could not be reached \(ECONNRESET\)/],
	["silence", silent, "timeout", /no answer within 1 s/],
	[
		"a web page with 200",
		answer(200, "<!doctype html><p>Log in"),
		"unexpected_answer",
		/a web page instead of JSON/,
	],
	[
		"another shape",
		answer(200, { value: "one" }),
		"unexpected_answer",
		/\(value: /,
	],
	[
		"a redirect",
		answer(302, "", { location: "https://elsewhere.example" }),
		"unexpected_answer",
		/a redirect instead of JSON/,
	],
] as const) {
	test(`${name}: a clear error`, async (t) => {
		const { url } = await serve(t, step);
		const error = await quietFailure(new Http(signal(), quick).send(call(url)));
		assert.equal(error.code, code);
		assert.match(error.message, words);
	});
}

test("nobody listens: the error names the host and the proxy", async (t) => {
	const { url } = await serve(t, ok);
	const closed = url.replace(/:\d+/, ":1");
	const error = await quietFailure(
		new Http(signal(), quick).send(call(closed)),
	);
	assert.equal(error.code, "network");
	assert.match(error.message, /127\.0\.0\.1:1 .*HTTPS_PROXY/);
});

test("Retry-After in seconds and as a date is kept, by the server's clock", async (t) => {
	const date = new Date(0).toUTCString();
	const soon = new Date(1000).toUTCString();
	for (const headers of [
		{ "retry-after": "1" },
		{ "retry-after": soon, date },
	] as Record<string, string>[]) {
		const { url } = await serve(t, answer(429, "", headers), ok);
		const begin = performance.now();
		await new Http(signal(), quick).send(call(url));
		const waited = performance.now() - begin;
		assert.ok(waited >= 990 && waited < 2000, `waited ${waited} ms`);
	}
});

test("a Retry-After beyond the deadline is not waited for", async (t) => {
	const { url, seen } = await serve(
		t,
		answer(429, "", { "retry-after": "3600" }),
	);
	const error = await quietFailure(new Http(signal(), quick).send(call(url)));
	assert.equal(error.code, "rate_limited");
	assert.equal(seen.length, 1);
});

test("a creation whose answer was lost is looked for before it is sent again", async (t) => {
	for (const lost of [reset, silent, answer(503, "")]) {
		const { url, seen } = await serve(t, lost, ok);
		const { data } = await new Http(signal(), quick).send(
			call(url, {
				method: "POST",
				again: async () => {
					assert.equal(seen.length, 1);
					return { value: 7 };
				},
			}),
		);
		assert.deepEqual([data, seen.length], [{ value: 7 }, 1]);
	}
});

test("a creation that did not happen is sent again", async (t) => {
	const { url, seen } = await serve(t, reset, ok);
	let looks = 0;
	const { data } = await new Http(signal(), quick).send(
		call(url, {
			method: "POST",
			again: async () => {
				looks++;
				return undefined;
			},
		}),
	);
	assert.deepEqual([data, seen.length, looks], [{ value: 1 }, 2, 1]);
});

test("a 429 certainly did nothing, so nobody looks", async (t) => {
	const { url } = await serve(t, answer(429, ""), ok);
	const { data } = await new Http(signal(), quick).send(
		call(url, { method: "POST", again: () => assert.fail("looked") }),
	);
	assert.deepEqual(data, { value: 1 });
});

test("what may not be sent twice is sent once", async (t) => {
	const { url, seen } = await serve(t, reset, ok);
	const error = await quietFailure(
		new Http(signal(), quick).send(
			call(url, { method: "POST", again: "never" }),
		),
	);
	assert.deepEqual([error.code, seen.length], ["network", 1]);
});

test("an interruption ends a call and a pause at once", async (t) => {
	const { url } = await serve(t, silent);
	const controller = new AbortController();
	const http = new Http(controller.signal, defaultPolicy);
	const begin = performance.now();
	const runs = [
		failure(http.send(call(url))),
		failure(http.pause(60_000, "waiting")),
	];
	setTimeout(() => controller.abort(), 20);
	for (const error of await Promise.all(runs)) {
		assert.equal(error.code, "interrupted");
		assert.match(error.message, /Run `pulumi up` again/);
	}
	assert.ok(performance.now() - begin < 1000);
});

test("a deadline of the caller is a time-out, not an interruption", async (t) => {
	const { url } = await serve(t, silent);
	const patient = { ...quick, attemptTimeout: 60_000, deadline: 60_000 };
	const http = new Http(AbortSignal.timeout(50), patient);
	await assert.rejects(http.send(call(url)), {
		code: "timeout",
		message: /no answer within 60 s/,
	});
});
