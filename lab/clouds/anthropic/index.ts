import { existsSync } from "node:fs";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import type { Cloud, World } from "../cloud.ts";
import { reply } from "./labModel.ts";
import { relayed } from "./relayed.ts";
import { encodeEvent, streamEvents } from "./sse.ts";
import { requestSchema, toolPairingProblem, turns } from "./wire.ts";

export type AnswerBlock =
	| { type: "text"; text: string }
	| {
			type: "tool_use";
			id: string;
			name: string;
			input: Record<string, unknown>;
	  };

/** A finished answer of the Messages API. */
export interface MessageAnswer {
	id: string;
	type: "message";
	role: "assistant";
	model: string;
	content: AnswerBlock[];
	stop_reason: "end_turn" | "tool_use";
	stop_sequence: null;
	usage: { input_tokens: number; output_tokens: number };
}

/** Options of the stand-in, all with defaults. */
export const anthropicOptions = z.strictObject({
	/** The API key at the very first start, null for none yet; afterwards the one in the state counts. */
	apiKey: z.string().min(1).nullable().default(null),
	/** Socket of a relay to the real API (lab/model): while it is there, it answers in the place of the script. */
	relay: z.string().min(1).nullable().default(null),
});

const stateSchema = z.object({ apiKey: z.string().nullable() });
const keyInput = z.object({ apiKey: z.string().min(1).nullable() });

/** Requests above this many bytes are refused, as documented. */
const largestRequest = 32 * 1024 * 1024;

/** Anthropic's Messages API, answered by a script that says that it is one. The key is changed with `PUT /_lab/key`. */
export function anthropicCloud(
	world: World,
	options: z.input<typeof anthropicOptions> = {},
): Cloud {
	const { relay, ...initial } = anthropicOptions.parse(options);
	const store = world.store("anthropic", stateSchema, initial);
	const app = new Hono();

	app.put("/_lab/key", async (c) => {
		const input = keyInput.safeParse(await c.req.json());
		if (!input.success)
			return c.json({ error: z.prettifyError(input.error) }, 400);
		store.data.apiKey = input.data.apiKey;
		store.save();
		return c.body(null, 204);
	});

	const id = (prefix: string) => `${prefix}_01${world.random(11)}`;
	const fail = (
		c: Context,
		status: 400 | 401 | 404 | 413,
		type: string,
		message: string,
	) => {
		const request_id = id("req");
		c.header("request-id", request_id);
		return c.json(
			{ type: "error", error: { type, message }, request_id },
			status,
		);
	};

	app.use("/v1/*", async (c, next) => {
		const key = c.req.header("x-api-key");
		if (key === undefined)
			return fail(
				c,
				401,
				"authentication_error",
				"x-api-key header is required",
			);
		if (!store.data.apiKey || key !== store.data.apiKey)
			return fail(c, 401, "authentication_error", "invalid x-api-key");
		if (!c.req.header("anthropic-version"))
			return fail(
				c,
				400,
				"invalid_request_error",
				"anthropic-version: header is required",
			);
		if (relay !== null && existsSync(relay)) return relayed(relay, c.req.raw);
		return next();
	});
	app.get("/v1/models", (c) =>
		c.json({
			data: [
				{
					type: "model",
					id: "claude-sonnet-4-6",
					display_name: "Lab model (a stand-in)",
					created_at: "2026-01-01T00:00:00Z",
				},
			],
			has_more: false,
			first_id: "claude-sonnet-4-6",
			last_id: "claude-sonnet-4-6",
		}),
	);
	app.use(
		"/v1/messages",
		bodyLimit({
			maxSize: largestRequest,
			onError: (c) =>
				fail(c, 413, "request_too_large", "Request exceeds the maximum size"),
		}),
	);
	app.post("/v1/messages", async (c) => {
		let body: unknown;
		try {
			body = JSON.parse(await c.req.text());
		} catch {
			return fail(
				c,
				400,
				"invalid_request_error",
				"The request body is not valid JSON",
			);
		}
		const parsed = requestSchema.safeParse(body);
		if (!parsed.success) {
			const issue = parsed.error.issues[0];
			return fail(
				c,
				400,
				"invalid_request_error",
				`${issue?.path.join(".")}: ${issue?.message}`,
			);
		}
		const request = parsed.data;
		if (!request.model.startsWith("claude-"))
			return fail(c, 404, "not_found_error", `model: ${request.model}`);
		const pairing = toolPairingProblem(turns(request));
		if (pairing) return fail(c, 400, "invalid_request_error", pairing);

		const blocks = reply(request);
		const content = blocks.map(
			(block): AnswerBlock =>
				block.type === "text" ? block : { ...block, id: id("toolu") },
		);
		const answer: MessageAnswer = {
			id: id("msg"),
			type: "message",
			role: "assistant",
			model: request.model,
			content,
			stop_reason: content.some(({ type }) => type === "tool_use")
				? "tool_use"
				: "end_turn",
			stop_sequence: null,
			usage: {
				input_tokens: tokens(request.messages),
				output_tokens: tokens(content),
			},
		};
		c.header("request-id", id("req"));
		if (!request.stream) return c.json(answer);
		c.header("content-type", "text/event-stream; charset=utf-8");
		c.header("cache-control", "no-cache");
		const encoder = new TextEncoder();
		const events = streamEvents(answer);
		return c.body(
			new ReadableStream({
				pull(controller) {
					const next = events.next();
					if (next.done) controller.close();
					else controller.enqueue(encoder.encode(encodeEvent(next.value)));
				},
			}),
		);
	});
	app.notFound((c) => fail(c, 404, "not_found_error", "Not found"));

	return {
		name: "anthropic",
		hosts: ["api.anthropic.com"],
		app,
		snapshot: () => ({ keyInForce: store.data.apiKey !== null }),
	};
}

/** A count of tokens good enough for a display: four characters each. */
function tokens(value: unknown): number {
	return Math.ceil(JSON.stringify(value).length / 4);
}
