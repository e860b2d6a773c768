import { Hono } from "hono";
import { z } from "zod";
import type { Cloud, World } from "../cloud.ts";
import { Changes, controlApp } from "./control.ts";
import { DiscordGateway } from "./gateway.ts";
import { restApp } from "./rest.ts";
import { DiscordState } from "./state.ts";

/** Options of the stand-in, all with defaults. */
export const discordOptions = z.strictObject({
	/** The bot's token at the very first start, null for none yet; afterwards the one in the state counts. */
	token: z.string().min(1).nullable().default(null),
	/** Where the gateway is said to be. */
	gatewayUrl: z.string().default("wss://gateway.discord.gg"),
	/** Milliseconds between heartbeats. Discord sends 41250. */
	heartbeatInterval: z.number().int().positive().default(41_250),
});

/** Discord as a bot in direct messages sees it: REST API v10 and the gateway. Control under `/_lab` (see client.ts). */
export function discordCloud(
	world: World,
	options: z.input<typeof discordOptions> = {},
): Cloud {
	const parsed = discordOptions.parse(options);
	const { token, gatewayUrl: url, heartbeatInterval } = parsed;
	const state = new DiscordState(world, token);
	const gateway = new DiscordGateway(world, state, {
		url,
		heartbeatInterval,
	});
	const changes = new Changes();
	const app = new Hono();
	app.use(async (c, next) => {
		await next();
		if (c.req.method !== "GET") changes.notify();
	});
	app.route("/_lab", controlApp(state, gateway, changes));
	app.route("/api/v10", restApp(state, gateway, url));
	app.notFound((c) => c.json({ message: "404: Not Found", code: 0 }, 404));
	return {
		name: "discord",
		hosts: ["discord.com", "gateway.discord.gg"],
		app,
		upgrade: (request, socket, head) => gateway.upgrade(request, socket, head),
		snapshot: () => ({
			...state.data,
			token: undefined,
			connected: gateway.connected,
		}),
		close: async () => gateway.close(),
	};
}
