import type { Channel, DiscordState, Message, User } from "./state.ts";

/** A user as API v10 writes it. */
export function userJson(user: User) {
	return {
		id: user.id,
		username: user.username,
		global_name: user.global_name,
		discriminator: "0",
		avatar: null,
		bot: user.bot,
		public_flags: 0,
	};
}

/** A direct-message channel as API v10 writes it. */
export function channelJson(state: DiscordState, channel: Channel) {
	const recipient = state.user(channel.recipient);
	const last = state.data.messages.findLast((m) => m.channel_id === channel.id);
	return {
		id: channel.id,
		type: 1,
		flags: 0,
		last_message_id: last?.id ?? null,
		recipients: recipient ? [userJson(recipient)] : [],
	};
}

/** A message as API v10 writes it. */
export function messageJson(state: DiscordState, message: Message) {
	const author = state.user(message.author);
	return {
		id: message.id,
		channel_id: message.channel_id,
		type: message.replyTo ? 19 : 0,
		author: author ? userJson(author) : { id: message.author },
		content: message.content,
		timestamp: new Date(message.sent).toISOString(),
		edited_timestamp:
			message.edited === null ? null : new Date(message.edited).toISOString(),
		tts: false,
		mention_everyone: false,
		mentions: [],
		mention_roles: [],
		attachments: message.attachments.map((file) => ({
			...file,
			url: `https://cdn.discordapp.com/attachments/${message.channel_id}/${file.id}/${file.filename}`,
		})),
		embeds: message.embeds,
		components: message.components,
		pinned: false,
		flags: 0,
		...(message.nonce === null ? {} : { nonce: message.nonce }),
		...(message.replyTo === null
			? {}
			: {
					message_reference: {
						message_id: message.replyTo,
						channel_id: message.channel_id,
					},
				}),
	};
}

/** The gateway events that the stand-in sends; its own name and payload each. */
export type GatewayEvent = { name: string; data: object };

/** What the gateway tells a bot about a new or changed message in a direct channel. */
export function messageEvent(
	name: "MESSAGE_CREATE" | "MESSAGE_UPDATE",
	state: DiscordState,
	message: Message,
): GatewayEvent {
	return { name, data: { ...messageJson(state, message), channel_type: 1 } };
}
