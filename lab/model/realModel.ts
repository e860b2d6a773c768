import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Daemon } from "../daemon.ts";
import type { Place } from "../place.ts";
import { keyVariable } from "./setting.ts";

const api = "https://api.anthropic.com";
/** How a machine behind a company's proxy reaches the internet. */
const proxies = ["HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS"];

/** Where the relay to the real model listens, when there is one. */
export const relaySocket = (place: Place) => place.path("model.sock");

/** Starts the relay to the real model where its key is given, and ends it where it is not. */
export async function chooseModel(
	place: Place,
	say: (step: string) => void,
): Promise<void> {
	const relay = new Daemon(place, "model");
	// Another key is another relay; one that was killed has left its socket, which looks like a way.
	await relay.stop();
	rmSync(relaySocket(place), { force: true });
	const key = process.env[keyVariable];
	if (!key) return;
	say(`the agent thinks with ${api}, by the key in ${keyVariable}`);
	const given = proxies.flatMap((name) => {
		const value = process.env[name];
		return value === undefined ? [] : [[name, value] as const];
	});
	await relay.start({
		argv: [
			process.execPath,
			join(import.meta.dirname, "relay.ts"),
			relaySocket(place),
			api,
		],
		environment: {
			...Object.fromEntries(given),
			NODE_USE_ENV_PROXY: "1",
			[keyVariable]: key,
		},
		ready: async () => {
			if (!existsSync(relaySocket(place))) throw new Error("no socket yet");
		},
	});
}
