import { z } from "zod";
import type { Store, World } from "../cloud.ts";

const userSchema = z.object({
	id: z.string(),
	username: z.string(),
	global_name: z.string(),
	bot: z.boolean(),
});

const messageSchema = z.object({
	id: z.string(),
	channel_id: z.string(),
	author: z.string(),
	content: z.string(),
	/** Milliseconds since 1970, by the lab's clock. */
	sent: z.number(),
	edited: z.number().nullable(),
	nonce: z.string().nullable(),
	embeds: z.array(z.unknown()),
	components: z.array(z.unknown()),
	attachments: z.array(
		z.object({ id: z.string(), filename: z.string(), size: z.number() }),
	),
	replyTo: z.string().nullable(),
});

const stateSchema = z.object({
	/** The bot's token; null after it was revoked without a new one. */
	token: z.string().nullable(),
	application: z.string(),
	bot: userSchema,
	users: z.array(userSchema),
	channels: z.array(z.object({ id: z.string(), recipient: z.string() })),
	messages: z.array(messageSchema),
	commands: z.array(z.looseObject({ id: z.string(), name: z.string() })),
	lastSnowflake: z.string(),
});

export type User = z.output<typeof userSchema>;
export type Message = z.output<typeof messageSchema>;
export type State = z.output<typeof stateSchema>;
export type Channel = State["channels"][number];

/** Bot user and application of the lab. At Discord both have one id since 2016. */
const botId = "1100000000000000001";

/** Everything that Discord remembers, and the operations on it that REST, gateway and control share. */
export class DiscordState {
	readonly #store: Store<State>;
	readonly #world: World;

	constructor(world: World, token: string | null) {
		this.#world = world;
		this.#store = world.store("discord", stateSchema, {
			token,
			application: botId,
			bot: {
				id: botId,
				username: "moltbot",
				global_name: "Moltbot",
				bot: true,
			},
			users: [],
			channels: [],
			messages: [],
			commands: [],
			lastSnowflake: "0",
		});
	}

	get data(): State {
		return this.#store.data;
	}

	save(): void {
		this.#store.save();
	}

	/** The next id: milliseconds since 2015 in the upper 42 bits, always rising. */
	snowflake(): string {
		const fromClock = BigInt(this.#world.clock.now() - 1420070400000) << 22n;
		const next = BigInt(this.data.lastSnowflake) + 1n;
		const id = String(fromClock > next ? fromClock : next);
		this.data.lastSnowflake = id;
		return id;
	}

	/** A user by id or by name, bot included. */
	user(key: string): User | undefined {
		return [this.data.bot, ...this.data.users].find(
			(user) => user.id === key || user.username === key,
		);
	}

	/** The user of that name, made where there is none yet. An id may be given, as the owner's is in the settings. */
	ensureUser(username: string, id?: string): User {
		const known = this.data.users.find(
			(user) => user.username === username || user.id === id,
		);
		if (known) return known;
		const user = {
			id: id ?? this.snowflake(),
			username,
			global_name: username,
			bot: false,
		};
		this.data.users.push(user);
		this.save();
		return user;
	}

	/** The direct-message channel between the bot and a user, made where there is none yet. */
	directChannel(recipient: string): Channel {
		const known = this.data.channels.find((c) => c.recipient === recipient);
		if (known) return known;
		const channel = { id: this.snowflake(), recipient };
		this.data.channels.push(channel);
		this.save();
		return channel;
	}

	addMessage(
		channel: Channel,
		author: User,
		message: Partial<Message> & { content: string },
	): Message {
		const made: Message = {
			edited: null,
			nonce: null,
			embeds: [],
			components: [],
			attachments: [],
			replyTo: null,
			...message,
			id: this.snowflake(),
			channel_id: channel.id,
			author: author.id,
			sent: this.#world.clock.now(),
		};
		this.data.messages.push(made);
		this.save();
		return made;
	}

	now(): number {
		return this.#world.clock.now();
	}
}
