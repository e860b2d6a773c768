import { Hono } from "hono";
import type { Cloud, World } from "../cloud.ts";
import { Changes, controlApp } from "./control.ts";
import { DiscordGateway } from "./gateway.ts";
import { restApp } from "./rest.ts";
import { DiscordState } from "./state.ts";

export interface DiscordOptions {
	/** The bot's token at the very first start; afterwards the one in the state counts. */
	token: string;
	/** Where the gateway is said to be. Default: `wss://gateway.discord.gg`. */
	gatewayUrl?: string;
	/** Milliseconds between heartbeats. Default: 41250, which Discord sends too. */
	heartbeatInterval?: number;
}

/** Discord as a bot in direct messages sees it: REST API v10 and the gateway. Control under `/_lab` (see client.ts). */
export function discordCloud(world: World, options: DiscordOptions): Cloud {
	const url = options.gatewayUrl ?? "wss://gateway.discord.gg";
	const state = new DiscordState(world, options.token);
	const gateway = new DiscordGateway(world, state, {
		url,
		heartbeatInterval: options.heartbeatInterval ?? 41_250,
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
