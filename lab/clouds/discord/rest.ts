import { type Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { applicationFlags, type DiscordGateway } from "./gateway.ts";
import type { Channel, DiscordState, Message } from "./state.ts";
import { channelJson, messageEvent, messageJson, userJson } from "./wire.ts";

/** Messages that one channel takes within five seconds before the answer is 429. */
const messagesPerWindow = 5;
const windowMilliseconds = 5000;

const messageInput = z.looseObject({
	content: z.string().max(2000).nullish(),
	nonce: z.union([z.string(), z.number()]).nullish(),
	embeds: z.array(z.unknown()).nullish(),
	components: z.array(z.unknown()).nullish(),
	message_reference: z.looseObject({ message_id: z.string() }).nullish(),
});
const commandInput = z.looseObject({ name: z.string().min(1).max(32) });

type Upload = { filename: string; size: number };

/** REST API v10 as far as a bot in direct messages needs it. */
export function restApp(
	state: DiscordState,
	gateway: DiscordGateway,
	gatewayUrl: string,
): Hono {
	const app = new Hono();
	const windows = new Map<string, { start: number; count: number }>();
	const fail = (
		c: Context,
		status: ContentfulStatusCode,
		code: number,
		message: string,
		errors?: unknown,
	) => c.json({ message, code, ...(errors ? { errors } : {}) }, status);
	const noChannel = (c: Context) => fail(c, 404, 10003, "Unknown Channel");
	const noMessage = (c: Context) => fail(c, 404, 10008, "Unknown Message");
	const channelOf = (c: Context): Channel | undefined =>
		state.data.channels.find(
			(channel) => channel.id === c.req.param("channel"),
		);
	const messageOf = (c: Context): Message | undefined =>
		state.data.messages.find(
			(m) =>
				m.id === c.req.param("message") &&
				m.channel_id === c.req.param("channel"),
		);

	app.get("/gateway", (c) => c.json({ url: gatewayUrl }));
	app.use(async (c, next) => {
		const token = state.data.token;
		if (!token || c.req.header("authorization") !== `Bot ${token}`)
			return fail(c, 401, 0, "401: Unauthorized");
		return next();
	});
	app.get("/gateway/bot", (c) =>
		c.json({
			url: gatewayUrl,
			shards: 1,
			session_start_limit: {
				total: 1000,
				remaining: 999,
				reset_after: 0,
				max_concurrency: 1,
			},
		}),
	);

	const application = (c: Context) =>
		c.json({
			id: state.data.application,
			name: state.data.bot.global_name,
			description: "",
			icon: null,
			flags: applicationFlags,
			bot_public: false,
			bot_require_code_grant: false,
			bot: userJson(state.data.bot),
		});
	app.get("/oauth2/applications/@me", application);
	app.get("/applications/@me", application);
	// Some clients encode the @ of "@me".
	app.on("GET", ["/users/@me", "/users/%40me"], (c) =>
		c.json(userJson(state.data.bot)),
	);
	app.get("/users/@me/guilds", (c) => c.json([]));
	app.on(
		"POST",
		["/users/@me/channels", "/users/%40me/channels"],
		async (c) => {
			const body = z
				.looseObject({ recipient_id: z.coerce.string() })
				.safeParse(await json(c));
			const user = body.success
				? state.user(body.data.recipient_id)
				: undefined;
			if (!user || user.bot) return fail(c, 400, 50033, "Invalid Recipient(s)");
			return c.json(channelJson(state, state.directChannel(user.id)));
		},
	);
	app.get("/users/:user", (c) => {
		const user = state.user(c.req.param("user"));
		return user ? c.json(userJson(user)) : fail(c, 404, 10013, "Unknown User");
	});

	app.get("/channels/:channel", (c) => {
		const channel = channelOf(c);
		return channel ? c.json(channelJson(state, channel)) : noChannel(c);
	});
	app.post("/channels/:channel/typing", (c) =>
		channelOf(c) ? c.body(null, 204) : noChannel(c),
	);
	app.get("/channels/:channel/messages", (c) => {
		const channel = channelOf(c);
		if (!channel) return noChannel(c);
		const limit = Number(c.req.query("limit") ?? 50);
		const before = BigInt(c.req.query("before") ?? "9223372036854775807");
		const after = BigInt(c.req.query("after") ?? "0");
		const messages = state.data.messages.filter(
			(m) =>
				m.channel_id === channel.id &&
				BigInt(m.id) > after &&
				BigInt(m.id) < before,
		);
		return c.json(
			messages
				.slice(-limit)
				.reverse()
				.map((m) => messageJson(state, m)),
		);
	});
	app.get("/channels/:channel/messages/:message", (c) => {
		const message = messageOf(c);
		return message ? c.json(messageJson(state, message)) : noMessage(c);
	});

	app.post("/channels/:channel/messages", async (c) => {
		const channel = channelOf(c);
		if (!channel) return noChannel(c);
		const limited = takeSlot(c, channel.id);
		if (limited) return limited;
		const { body, files } = await messageBody(c);
		const input = messageInput.safeParse(body);
		if (!input.success)
			return fail(c, 400, 50035, "Invalid Form Body", input.error.issues);
		const { content, embeds, components, nonce, message_reference } =
			input.data;
		if (
			!content &&
			!embeds?.length &&
			!components?.length &&
			files.length === 0
		)
			return fail(c, 400, 50006, "Cannot send an empty message");
		const message = state.addMessage(channel, state.data.bot, {
			content: content ?? "",
			embeds: embeds ?? [],
			components: components ?? [],
			nonce: nonce == null ? null : String(nonce),
			replyTo: message_reference?.message_id ?? null,
			attachments: files.map((file) => ({ id: state.snowflake(), ...file })),
		});
		// A bot is told about its own messages too.
		gateway.dispatch(messageEvent("MESSAGE_CREATE", state, message));
		return c.json(messageJson(state, message));
	});
	app.patch("/channels/:channel/messages/:message", async (c) => {
		const message = messageOf(c);
		if (!message) return noMessage(c);
		if (message.author !== state.data.bot.id)
			return fail(
				c,
				403,
				50005,
				"Cannot edit a message authored by another user",
			);
		const input = messageInput.safeParse((await messageBody(c)).body);
		if (!input.success)
			return fail(c, 400, 50035, "Invalid Form Body", input.error.issues);
		message.content = input.data.content ?? message.content;
		message.embeds = input.data.embeds ?? message.embeds;
		message.components = input.data.components ?? message.components;
		message.edited = state.now();
		state.save();
		gateway.dispatch(messageEvent("MESSAGE_UPDATE", state, message));
		return c.json(messageJson(state, message));
	});
	app.delete("/channels/:channel/messages/:message", (c) => {
		const message = messageOf(c);
		if (!message) return noMessage(c);
		if (message.author !== state.data.bot.id)
			return fail(c, 403, 50003, "Cannot execute action on a DM channel");
		state.data.messages.splice(state.data.messages.indexOf(message), 1);
		state.save();
		gateway.dispatch({
			name: "MESSAGE_DELETE",
			data: { id: message.id, channel_id: message.channel_id },
		});
		return c.body(null, 204);
	});
	// Reactions are taken and shown nowhere.
	app.on(
		["PUT", "DELETE"],
		"/channels/:channel/messages/:message/reactions/:emoji/:user",
		(c) => (messageOf(c) ? c.body(null, 204) : noMessage(c)),
	);

	app.use("/applications/:application/commands/*", ownApplication);
	app.use("/applications/:application/commands", ownApplication);
	app.get("/applications/:application/commands", (c) =>
		c.json(state.data.commands),
	);
	app.post("/applications/:application/commands", async (c) => {
		const input = commandInput.safeParse(await json(c));
		if (!input.success)
			return fail(c, 400, 50035, "Invalid Form Body", input.error.issues);
		const known = state.data.commands.findIndex(
			({ name }) => name === input.data.name,
		);
		const command = registered(input.data, state.data.commands[known]?.id);
		if (known < 0) state.data.commands.push(command);
		else state.data.commands[known] = command;
		state.save();
		return c.json(command, known < 0 ? 201 : 200);
	});
	app.put("/applications/:application/commands", async (c) => {
		const input = z.array(commandInput).safeParse(await json(c));
		if (!input.success)
			return fail(c, 400, 50035, "Invalid Form Body", input.error.issues);
		state.data.commands = input.data.map((each) => registered(each));
		state.save();
		return c.json(state.data.commands);
	});
	app.patch("/applications/:application/commands/:command", async (c) => {
		const command = state.data.commands.find(
			({ id }) => id === c.req.param("command"),
		);
		if (!command) return fail(c, 404, 10063, "Unknown application command");
		const change = z.looseObject({}).safeParse(await json(c));
		if (!change.success)
			return fail(c, 400, 50109, "The request body contains invalid JSON.");
		Object.assign(command, change.data, { id: command.id });
		state.save();
		return c.json(command);
	});
	app.delete("/applications/:application/commands/:command", (c) => {
		const at = state.data.commands.findIndex(
			({ id }) => id === c.req.param("command"),
		);
		if (at < 0) return fail(c, 404, 10063, "Unknown application command");
		state.data.commands.splice(at, 1);
		state.save();
		return c.body(null, 204);
	});

	app.onError((error, c) => {
		if (error instanceof SyntaxError)
			return fail(c, 400, 50109, "The request body contains invalid JSON.");
		throw error;
	});
	app.notFound((c) => fail(c, 404, 0, "404: Not Found"));
	return app;

	async function ownApplication(c: Context, next: () => Promise<void>) {
		if (c.req.param("application") !== state.data.application)
			return fail(
				c,
				403,
				20012,
				"You are not authorized to perform this action on this application",
			);
		return next();
	}

	function registered(
		input: z.output<typeof commandInput>,
		id = state.snowflake(),
	) {
		return {
			type: 1,
			description: "",
			...input,
			id,
			application_id: state.data.application,
			version: state.snowflake(),
		};
	}

	/** Counts a message against its channel's window, or answers 429 as Discord does. */
	function takeSlot(c: Context, channel: string): Response | undefined {
		const now = state.now();
		let window = windows.get(channel);
		if (!window || now - window.start >= windowMilliseconds) {
			window = { start: now, count: 0 };
			windows.set(channel, window);
		}
		const after = (window.start + windowMilliseconds - now) / 1000;
		const allowed = window.count < messagesPerWindow;
		if (allowed) window.count += 1;
		c.header("X-RateLimit-Limit", String(messagesPerWindow));
		c.header("X-RateLimit-Remaining", String(messagesPerWindow - window.count));
		c.header("X-RateLimit-Reset", String((now + after * 1000) / 1000));
		c.header("X-RateLimit-Reset-After", after.toFixed(3));
		c.header("X-RateLimit-Bucket", "lab-message-create");
		if (allowed) return undefined;
		c.header("Retry-After", String(Math.ceil(after)));
		c.header("X-RateLimit-Scope", "user");
		return c.json(
			{
				message: "You are being rate limited.",
				retry_after: after,
				global: false,
			},
			429,
		);
	}
}

async function json(c: Context): Promise<unknown> {
	return JSON.parse(await c.req.text());
}

/** A message's fields, sent as JSON or, with files, as a form whose `payload_json` is that JSON. */
async function messageBody(
	c: Context,
): Promise<{ body: unknown; files: Upload[] }> {
	if (!c.req.header("content-type")?.startsWith("multipart/form-data"))
		return { body: await json(c), files: [] };
	const form = await c.req.parseBody();
	const payload = form.payload_json;
	return {
		body: typeof payload === "string" ? JSON.parse(payload) : {},
		files: Object.values(form).flatMap((part) =>
			part instanceof File ? [{ filename: part.name, size: part.size }] : [],
		),
	};
}
