import { buildNamed } from "../builds.ts";
import type { DeliveredFile, Platform } from "./platform.ts";

const workspace = "/var/lib/moltbot/workspace";

function seed(name: string): DeliveredFile {
	return {
		path: `${workspace}/${name}`,
		template: `agent-config/moltbot/workspace/${name}`,
		owner: "seed",
		mode: "0644",
	};
}

/** What knows OpenClaw from within, run by Node of its image; it changes with OpenClaw, so it travels with the delivery. */
function program(name: string): DeliveredFile {
	return {
		path: `/etc/moltbot/${name}`,
		template: `quadlets/moltbot/${name}`,
		owner: "iac",
		mode: "0644",
	};
}

/** Moltbot: an OpenClaw gateway on Discord, its commands in sandboxes beside it. */
export const moltbot: Platform = {
	id: "moltbot",
	// The gateway peaks near 2 GB; sandboxes and the host want the rest.
	memoryMiB: 4096,
	secrets: {
		"discord-bot-token": { from: "operator-vault", item: "discordItem" },
		"anthropic-api-key": { from: "operator-vault", item: "anthropicItem" },
		"onepassword-token": { from: "operator-vault", item: "agentTokenItem" },
		"github-token": { from: "operator-vault", item: "githubItem" },
		"gateway-token": { from: "host" },
	},
	files: [
		{
			path: "/etc/moltbot/openclaw.json",
			template: "agent-config/moltbot/openclaw.json5",
			owner: "iac",
			mode: "0640",
		},
		{
			path: "/etc/moltbot/secret-items",
			template: "agent-config/moltbot/secret-items",
			owner: "iac",
			mode: "0640",
		},
		program("engine.ts"),
		program("engine-policy.ts"),
		program("health.ts"),
		seed("AGENTS.md"),
		seed("SOUL.md"),
		seed("skills/1password/SKILL.md"),
		seed("skills/credential-request/SKILL.md"),
	],
	images: ({ gatewayImage, sandboxImage }) => ({
		gateway: gatewayImage || buildNamed("gateway").reference,
		sandbox: sandboxImage || buildNamed("sandbox").reference,
	}),
	values: ({
		ownerDiscordId,
		sandboxImage,
		model,
		operatorVault,
		discordItem,
	}) => ({
		ownerDiscordId,
		sandboxImage: sandboxImage || buildNamed("sandbox").reference,
		model,
		operatorVault,
		discordItem,
	}),
	egress: [
		"api.anthropic.com",
		"discord.com",
		"gateway.discord.gg",
		"cdn.discordapp.com",
		"media.discordapp.net",
	],
	pairingCommand: "moltbot pairing",
	units: ["moltbot-gateway.service"],
	healthUrl: "http://127.0.0.1:18789/readyz",
	programs: {
		channels: "/usr/local/libexec/moltbot/channels",
		pairing: "/usr/local/libexec/moltbot/pairing",
		version: "/usr/local/libexec/moltbot/version",
	},
	state: {
		folders: ["state", "workspace", "projects", "home"],
		exclude: ["node_modules"],
		databases: ["*.sqlite", "*.sqlite3", "*.db"],
	},
};
