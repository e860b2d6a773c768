import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../tools/cache.mjs";
import { tool } from "../tools/setup.ts";
import { type Account, cloudAccounts, openAccount } from "./account.ts";
import { type ControlClient, controlClient } from "./clouds/client.ts";
import { openCa } from "./clouds/tls.ts";
import { cgroupsOf, Daemon, endCgroup } from "./daemon.ts";
import { LabHost } from "./host/host.ts";
import { kindSettings } from "./hypervisor/kind.ts";
import { type LabImage, labImages } from "./images/index.ts";
import { chooseModel, relaySocket } from "./model/realModel.ts";
import { cloudsAddress, controlServerAddress } from "./network/addresses.ts";
import {
	internet,
	raiseInternet,
	removeNamespaces,
} from "./network/internet.ts";
import { startResolver } from "./network/resolver.ts";
import { bringParts } from "./parts.ts";
import type { Place } from "./place.ts";
import { stockShelf } from "./shelf.ts";
import { Operator } from "./stack.ts";
import { ControlServer, controlServerName } from "./tailnet/controlServer.ts";
import { OperatorTailscale } from "./tailnet/operator.ts";

/** Names that the stand-in clouds answer for; the control server of the tailnet is a program of its own. */
const cloudNames = [
	"api.vultr.com",
	"api.tailscale.com",
	"api.backblazeb2.com",
	"api004.backblazeb2.com",
	"f004.backblazeb2.com",
	"s3.us-west-004.backblazeb2.com",
	"connect.1password.lab.test",
	"ghcr.io",
	"docker.io",
	"registry-1.docker.io",
	"auth.docker.io",
	"quay.io",
	"discord.com",
	"gateway.discord.gg",
	"api.anthropic.com",
	"control.lab.test",
];

/** One lab: its internet, its stand-ins, its tailnet, its operator. Everything in it can be started again at any point. */
export class World {
	readonly place: Place;
	readonly account: Account;
	readonly operator: Operator;
	readonly control: ControlClient;
	readonly #clouds: Daemon;
	readonly #resolver: Daemon;
	readonly #images: () => Promise<LabImage[]>;

	private constructor(
		place: Place,
		account: Account,
		operator: Operator,
		images: () => Promise<LabImage[]>,
	) {
		this.#images = images;
		this.place = place;
		this.account = account;
		this.operator = operator;
		this.control = controlClient(place.controlSocket);
		this.#clouds = new Daemon(place, "clouds");
		this.#resolver = new Daemon(place, "resolver");
	}

	/**
	 * Opens a lab without starting anything.
	 *
	 * @param images brings the images of the platform
	 */
	static open(place: Place, images = labImages): World {
		const account = openAccount(place);
		const { commands } = new OperatorTailscale(place);
		return new World(
			place,
			account,
			new Operator(place, account, commands),
			images,
		);
	}

	/** Whether the stand-ins run. */
	get isUp(): boolean {
		return this.#clouds.isRunning;
	}

	/** Starts what does not run. `say` is told of each step before it begins. */
	async raise(say: (step: string) => void): Promise<void> {
		const { place } = this;
		say(
			"tools, trees and images (minutes on the first run, then from the cache)",
		);
		const { artefacts, ...images } = await bringParts(this.#images);
		const shelf = stockShelf(place, images);
		const server = new ControlServer(place, await tool("headscale"));
		say("internet: namespaces, resolver, control server of the tailnet");
		await raiseInternet(place);
		const ca = await openCa(place.clouds);
		await Promise.all([
			startResolver(place, this.#resolver, artefacts.tools, {
				[cloudsAddress]: cloudNames,
				[controlServerAddress]: [controlServerName],
			}),
			server.start(ca),
		]);
		say("stand-in clouds; the operator joins the tailnet");
		const tailscale = new OperatorTailscale(place);
		const clouds = cloudAccounts(this.account);
		await Promise.all([
			this.#startClouds({
				...clouds,
				anthropic: { ...clouds.anthropic, relay: relaySocket(place) },
				tailscale: {
					apiKeys: [this.account.tailscaleKey],
					headscale: server.options(ca),
				},
				registry: { layouts: shelf.layouts },
			}),
			chooseModel(place, say),
			tailscale.start(ca.path, () => server.operatorKey()),
			this.operator.prepareStack({
				...shelf.settings,
				...kindSettings(place),
				trustedCertificates: ca.pem,
			}),
		]);
	}

	async #startClouds(options: object): Promise<void> {
		const { place } = this;
		const config = place.path("clouds.json");
		writeFileSync(config, JSON.stringify(options, null, "\t"), { mode: 0o600 });
		await this.#clouds.start({
			argv: [
				process.execPath,
				join(import.meta.dirname, "clouds", "main.ts"),
				...["--state", place.clouds, "--config", config],
				...["--listen", `${cloudsAddress}:443`],
				...["--plain", `${cloudsAddress}:80`],
				...["--hypervisor", join(import.meta.dirname, "hypervisor/index.ts")],
			],
			namespace: place.namespace(internet),
			environment: { MOLTBOT_LAB: place.folder, MOLTBOT_CACHE: cacheFolder() },
			ready: () => this.control.now(),
		});
	}

	/** Ends the stand-ins alone; machines and tailnet go on. */
	stopClouds(): Promise<void> {
		return this.#clouds.stop();
	}

	/** Ends the tailnet's control server alone; who is connected stays connected. */
	async stopControlServer(): Promise<void> {
		await new ControlServer(this.place, await tool("headscale")).stop();
	}

	/** Pulls every plug: programs, machines, namespaces. What lies in the folder stays. */
	async lower(): Promise<void> {
		await this.#clouds.stop();
		for (const folder of cgroupsOf(this.place)) {
			if (!folder.includes("-host-")) await endCgroup(folder, "politely");
		}
		for (const host of this.hosts()) await host.powerOff();
		await removeNamespaces(this.place);
	}

	/** Machines that have a disk here, by the lab's privilege: for the console and to pull plugs. */
	hosts(): LabHost[] {
		const folder = this.place.machines;
		const names = existsSync(folder) ? readdirSync(folder) : [];
		const nothing = { rootTree: "", tools: "", ignition: "", netns: "" };
		return names.map(
			(name) =>
				new LabHost({
					id: this.place.host(name),
					dir: join(folder, name),
					...nothing,
					config: { platform: "vultr" },
				}),
		);
	}
}
