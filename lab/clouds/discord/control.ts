import { Hono } from "hono";
import { z } from "zod";
import type { DiscordGateway } from "./gateway.ts";
import type { DiscordState, Message } from "./state.ts";
import { messageEvent } from "./wire.ts";

const dmInput = z.object({
	user: z.string().min(1),
	id: z
		.string()
		.regex(/^\d{17,20}$/)
		.optional(),
	text: z.string().min(1).max(2000),
});
const tokenInput = z.object({ token: z.string().min(1).nullable() });
const dropInput = z.object({
	code: z.number().int().min(1000).max(4999).optional(),
	reconnect: z.boolean().optional(),
	/** Also ends the sessions, so that a resume is refused with op 9. */
	forget: z.boolean().optional(),
});

/** The longest time one request for replies stays open, in milliseconds. */
const longestWait = 30_000;

/** What people do in Discord's apps and in its developer portal. Served under `/_lab`, a path the real service has not. */
export function controlApp(
	state: DiscordState,
	gateway: DiscordGateway,
	changed: Changes,
): Hono {
	const app = new Hono();

	app.post("/dms", async (c) => {
		const input = dmInput.safeParse(await c.req.json());
		if (!input.success)
			return c.json({ error: z.prettifyError(input.error) }, 400);
		const { user: name, id, text } = input.data;
		const user = state.ensureUser(name, id);
		const message = state.addMessage(state.directChannel(user.id), user, {
			content: text,
		});
		gateway.dispatch(messageEvent("MESSAGE_CREATE", state, message));
		return c.json({ user: user.id, message: message.id });
	});

	// Waits for the bot's first message after `after`, so that nobody has to poll in a loop.
	app.get("/users/:user/replies", async (c) => {
		const after = BigInt(c.req.query("after") ?? "0");
		const wait = Math.min(Number(c.req.query("wait") ?? 0), longestWait);
		const replies = (): Message[] => {
			const user = state.user(c.req.param("user"));
			const channel =
				user && state.data.channels.find((each) => each.recipient === user.id);
			return state.data.messages.filter(
				(m) =>
					m.channel_id === channel?.id &&
					m.author === state.data.bot.id &&
					BigInt(m.id) > after,
			);
		};
		const signal = AbortSignal.any([
			c.req.raw.signal,
			AbortSignal.timeout(wait),
		]);
		while (replies().length === 0 && !signal.aborted)
			await changed.next(signal);
		return c.json(replies());
	});

	app.put("/token", async (c) => {
		const input = tokenInput.safeParse(await c.req.json());
		if (!input.success)
			return c.json({ error: z.prettifyError(input.error) }, 400);
		state.data.token = input.data.token;
		state.save();
		// A reset in the portal ends the sessions of the old token at once.
		gateway.forget();
		gateway.drop({ code: 4004 });
		return c.body(null, 204);
	});

	app.post("/drop", async (c) => {
		const input = dropInput.safeParse(await c.req.json());
		if (!input.success)
			return c.json({ error: z.prettifyError(input.error) }, 400);
		if (input.data.forget) gateway.forget();
		gateway.drop(input.data);
		return c.body(null, 204);
	});

	app.get("/connected", (c) => c.json({ connected: gateway.connected }));
	return app;
}

/** Wakes those who wait for something new. */
export class Changes {
	#waiting = new Set<() => void>();

	notify(): void {
		const waiting = this.#waiting;
		this.#waiting = new Set();
		for (const wake of waiting) wake();
	}

	/** Resolves at the next change, or when the signal fires. */
	next(signal: AbortSignal): Promise<void> {
		return new Promise((resolve) => {
			const wake = () => {
				this.#waiting.delete(wake);
				signal.removeEventListener("abort", wake);
				resolve();
			};
			this.#waiting.add(wake);
			signal.addEventListener("abort", wake, { once: true });
			if (signal.aborted) wake();
		});
	}
}
