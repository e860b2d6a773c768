import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const sentSchema = z.object({ user: z.string(), message: z.string() });
const repliesSchema = z.array(
	z.object({ id: z.string(), content: z.string(), sent: z.number() }),
);

/**
 * Nobody writes again before he has read the answer, in milliseconds. OpenClaw counts on that: to a message that comes before it has
 * noted the answer as sent, it says that the answer may be lost. Discord shows nobody when it has noted that.
 */
const readingTime = 2000;

/** A message of the bot. `sent` is milliseconds since 1970 by the lab's clock. */
export type Reply = z.output<typeof repliesSchema>[number];

/** The Discord stand-in refused or could not be asked, or no reply came in time. */
export class DiscordLabError extends Error {
	readonly code = "lab-discord";
}

export interface DiscordClientOptions {
	/** Default: `https://discord.com`. */
	baseUrl?: string;
	/** Default: the global one. */
	fetch?: typeof fetch;
}

/** What people do in Discord, for the lab's commands and for tests. */
export class DiscordClient {
	readonly #base: string;
	readonly #fetch: typeof fetch;
	/** When the last answer was read. */
	#answered = -readingTime;

	constructor(options: DiscordClientOptions = {}) {
		this.#base = options.baseUrl ?? "https://discord.com";
		this.#fetch = options.fetch ?? fetch;
	}

	/**
	 * Writes to the bot as this user, who is made where there is none yet.
	 *
	 * @param id the user's Discord id, where it matters (the owner's is in the settings)
	 * @returns ids of the user and of the message
	 */
	async sendDm(
		user: string,
		text: string,
		options: { id?: string; signal?: AbortSignal } = {},
	): Promise<{ user: string; message: string }> {
		const { id, signal } = options;
		const answer = await this.#call("POST", "/dms", { user, text, id }, signal);
		return sentSchema.parse(await answer.json());
	}

	/** The bot's messages to this user after a message id; waits up to `wait` milliseconds for the first. */
	async replies(
		user: string,
		options: { after?: string; wait?: number; signal?: AbortSignal } = {},
	): Promise<Reply[]> {
		const { after = "0", wait = 0, signal } = options;
		const path = `/users/${encodeURIComponent(user)}/replies?after=${after}&wait=${wait}`;
		const answer = await this.#call("GET", path, undefined, signal);
		return repliesSchema.parse(await answer.json());
	}

	/**
	 * Writes to the bot, not sooner after its last answer than a person would, and waits for its first answer.
	 *
	 * @throws DiscordLabError after `deadline` milliseconds without one
	 */
	async ask(
		user: string,
		text: string,
		options: { id?: string; deadline: number; signal?: AbortSignal },
	): Promise<Reply> {
		await sleep(Math.max(0, this.#answered + readingTime - performance.now()));
		const end = performance.now() + options.deadline;
		const sent = await this.sendDm(user, text, options);
		for (;;) {
			const wait = Math.ceil(end - performance.now());
			if (wait <= 0)
				throw new DiscordLabError(
					`The agent did not answer ${user} within ${options.deadline / 1000} s; look at its state with "npm run lab -- status".`,
				);
			const [first] = await this.replies(sent.user, {
				after: sent.message,
				wait,
				...(options.signal ? { signal: options.signal } : {}),
			});
			if (!first) continue;
			this.#answered = performance.now();
			return first;
		}
	}

	/** Gives the bot a new token, as "Reset Token" in the portal does: the old one is worthless at once. */
	async rotateToken(token: string): Promise<void> {
		await this.#call("PUT", "/token", { token });
	}

	/** Takes the token away without a new one. */
	async revokeToken(): Promise<void> {
		await this.#call("PUT", "/token", { token: null });
	}

	/** Cuts the bot's gateway connections: like a dead network, with a close code, or with op 7 first. */
	async dropConnections(
		how: { code?: number; reconnect?: boolean; forget?: boolean } = {},
	): Promise<void> {
		await this.#call("POST", "/drop", how);
	}

	/** Number of bots connected and identified now. */
	async connected(): Promise<number> {
		const answer = await this.#call("GET", "/connected");
		return z.object({ connected: z.number() }).parse(await answer.json())
			.connected;
	}

	async #call(
		method: string,
		path: string,
		body?: object,
		signal?: AbortSignal,
	): Promise<Response> {
		const url = `${this.#base}/_lab${path}`;
		const answer = await this.#fetch(url, {
			method,
			...(body
				? {
						body: JSON.stringify(body),
						headers: { "content-type": "application/json" },
					}
				: {}),
			...(signal ? { signal } : {}),
		});
		if (!answer.ok)
			throw new DiscordLabError(
				`The Discord stand-in answered ${answer.status} to ${method} ${url}: ${await answer.text()}`,
			);
		return answer;
	}
}
