// A model of the host: what infra can see of one, without a machine. It takes its identity from the very user-data that
// the program made, reports to the beacon, joins the tailnet with the key in the document, and answers SSH on an
// address of its own on the loopback.
import { createHash } from "node:crypto";
import { once } from "node:events";
import ssh2 from "ssh2";
import { z } from "zod";
import type { Cloud } from "../../../lab/clouds/cloud.ts";
import type { Coordination } from "../../../lab/clouds/tailscale/index.ts";
import type { Hypervisor, Machine } from "../../../lab/clouds/vultr/index.ts";
import { filesOf } from "./ignition.ts";

/** How hosts behave from now on; a test changes it at any time. */
export interface HostBehaviour {
	/** Whether a new host joins the tailnet; a reason: it reports this failure instead. */
	joins: boolean | { unit: string; lines: string[] };
	/** State of the gateway after a delivery. */
	gateway: "running" | "failed";
	/** Whether SSH answers. */
	reachable: boolean;
	lastBackup: "saved" | "nothing-to-save" | "fails";
}

/** One host as a test sees it. */
export interface ModelHost {
	readonly instanceId: string;
	readonly hostname: string;
	readonly generation: number;
	readonly address: string;
	/** Files of its Ignition document. */
	readonly files: ReadonlyMap<string, string>;
	/** What was delivered, oldest first. */
	readonly deliveries: Delivery[];
	/** Commands that came over SSH. */
	readonly commands: string[];
	powered: boolean;
}

const deliverySchema = z.looseObject({
	version: z.literal(1),
	generation: z.number(),
	secrets: z.record(z.string(), z.string()).default({}),
	files: z
		.array(z.object({ path: z.string(), content: z.string() }).loose())
		.default([]),
	images: z.record(z.string(), z.string()).default({}),
	os: z.string().optional(),
});
export type Delivery = z.output<typeof deliverySchema>;

interface Running {
	host: ModelHost;
	deviceId: string | undefined;
	server: ssh2.Server | undefined;
}

/** A machine room of model hosts. */
export interface ModelHypervisor extends Hypervisor {
	/** Hosts that were ever made, oldest first. */
	readonly hosts: readonly ModelHost[];
	readonly behaviour: HostBehaviour;
	close(): Promise<void>;
}

/**
 * @param network first three parts of a /24 of the loopback for these hosts; SSH is on port 22, which needs root
 */
export function modelHypervisor(
	network: string,
	coordination: Coordination,
	backblaze: Cloud,
	hostKey: string,
): ModelHypervisor {
	const running = new Map<string, Running>();
	const hosts: ModelHost[] = [];
	const behaviour: HostBehaviour = {
		joins: true,
		gateway: "running",
		reachable: true,
		lastBackup: "saved",
	};

	const report = async (host: ModelHost, stage: string, why?: object) => {
		const url = host.files.get("/etc/moltbot/beacon-url")?.trim();
		if (!url) return;
		const at = new Date().toISOString();
		const { generation } = host;
		const response = await backblaze.app.fetch(
			new Request(url, {
				method: "PUT",
				headers: {
					// The signature covers it; over a real connection the client adds it.
					Host: new URL(url).host,
					"Content-Type": "application/json",
				},
				body: JSON.stringify({
					...{ version: 1, generation, stage, unit: "", lines: [], at },
					...why,
				}),
			}),
		);
		if (!response.ok)
			throw new Error(
				`the beacon answered ${response.status}: ${await response.text()}`,
			);
	};

	const boot = async (one: Running) => {
		const { host } = one;
		host.powered = true;
		one.server = await sshServer(host, behaviour, hostKey);
		if (one.deviceId) {
			coordination.setOnline(one.deviceId, true);
			return;
		}
		await report(host, "join");
		if (behaviour.joins !== true) {
			if (behaviour.joins) await report(host, "failed", behaviour.joins);
			return;
		}
		const { hostname, address } = host;
		const authKey = host.files.get("/etc/moltbot/join-key")?.trim() ?? "";
		one.deviceId = coordination.join({ authKey, hostname, address }).id;
		await report(host, "joined");
	};

	const halt = async (id: string) => {
		const one = running.get(id);
		if (!one) return;
		one.host.powered = false;
		if (one.deviceId) coordination.setOnline(one.deviceId, false);
		one.server?.close();
		one.server = undefined;
	};

	return {
		hosts,
		behaviour,
		async create(machine) {
			const host = hostOf(machine, `${network}.${hosts.length + 1}`);
			hosts.push(host);
			const one = { host, deviceId: undefined, server: undefined };
			running.set(machine.id, one);
			await boot(one);
		},
		async resume() {},
		async start(id) {
			const one = running.get(id);
			if (one && !one.host.powered) await boot(one);
		},
		powerOff: halt,
		async reboot(id) {
			await halt(id);
			const one = running.get(id);
			if (one) await boot(one);
		},
		async destroy(id) {
			await halt(id);
			running.delete(id);
		},
		async close() {
			for (const id of running.keys()) await halt(id);
		},
	};
}

function hostOf(machine: Machine, address: string): ModelHost {
	const files = filesOf(machine.userData);
	const environment = files.get("/etc/moltbot/host.env") ?? "";
	const generation = /^MOLTBOT_GENERATION=['"]?(\d+)/m.exec(environment)?.[1];
	if (!generation)
		throw new Error("user-data lacks MOLTBOT_GENERATION in host.env");
	return {
		instanceId: machine.id,
		hostname: files.get("/etc/hostname")?.trim() || machine.hostname,
		generation: Number(generation),
		address,
		files,
		deliveries: [],
		commands: [],
		powered: false,
	};
}

/** Lets everybody in, as Tailscale SSH lets in whom the policy names. */
async function sshServer(
	host: ModelHost,
	behaviour: HostBehaviour,
	hostKey: string,
): Promise<ssh2.Server> {
	const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
		client.on("error", () => {});
		if (!behaviour.reachable) {
			client.end();
			return;
		}
		client.on("authentication", (context) => {
			if (context.username === "core") context.accept();
			else context.reject();
		});
		client.on("session", (accept) => {
			accept().on("exec", (acceptExec, _reject, { command }) => {
				const channel = acceptExec();
				host.commands.push(command);
				let input = "";
				channel.setEncoding("utf8").on("data", (text: string) => {
					input += text;
				});
				channel.on("end", () => {
					const answer = answerTo(command, input, host, behaviour);
					channel.write(answer.stdout ?? "");
					channel.stderr.write(answer.stderr ?? "");
					channel.exit(answer.code ?? 0);
					channel.end();
				});
			});
		});
	});
	server.listen(22, host.address);
	await once(server, "listening");
	return server;
}

interface Answer {
	stdout?: string;
	stderr?: string;
	code?: number;
}

function answerTo(
	command: string,
	input: string,
	host: ModelHost,
	behaviour: HostBehaviour,
): Answer {
	switch (command) {
		case "true":
			return {};
		case "sudo /usr/local/libexec/moltbot/deliver":
			return deliver(input, host);
		case "sudo moltbot status --json":
			return { stdout: `${JSON.stringify(statusOf(host, behaviour))}\n` };
		case "sudo /usr/local/libexec/moltbot/last-backup":
			return lastBackup(behaviour);
		default:
			return { stderr: `sudo: ${command}: command not found\n`, code: 127 };
	}
}

function deliver(input: string, host: ModelHost): Answer {
	const parsed = deliverySchema.safeParse(JSON.parse(input));
	if (!parsed.success)
		return { stderr: "the document has an unexpected shape\n", code: 1 };
	const delivery = parsed.data;
	if (delivery.generation !== host.generation)
		return {
			stderr: `the delivery is for generation ${delivery.generation}, this host is generation ${host.generation}: run pulumi up again\n`,
			code: 1,
		};
	const before = host.deliveries.at(-1);
	const isNew = JSON.stringify(before) !== JSON.stringify(delivery);
	host.deliveries.push(delivery);
	const answer = {
		version: 1,
		applied: isNew ? delivery.files.map(({ path }) => path) : [],
		kept: [],
		restarted: isNew ? ["moltbot-gateway.service"] : [],
		delivery: idOf(delivery),
	};
	return { stdout: `${JSON.stringify(answer)}\n` };
}

/** Hash of a delivery without the values of its secrets. */
function idOf(delivery: Delivery): string {
	const secrets = Object.keys(delivery.secrets).sort();
	return createHash("sha256")
		.update(JSON.stringify({ ...delivery, secrets }))
		.digest("hex");
}

function statusOf(host: ModelHost, { gateway }: HostBehaviour): object {
	const delivery = host.deliveries.at(-1);
	const state = delivery ? gateway : "waiting";
	const problem = {
		unit: "moltbot-gateway.service",
		message: delivery ? "the gateway has failed" : "nothing was delivered yet",
		permanent: delivery !== undefined,
		lines: delivery ? ["Error: the agent has crashed"] : [],
	};
	const ready = state === "running";
	return {
		version: 1,
		generation: host.generation,
		ready,
		problems: ready ? [] : [problem],
		os: { image: delivery?.os ?? "", version: "" },
		delivery: delivery && { id: idOf(delivery), at: "", kept: [] },
		units: {
			gateway: { state, image: delivery?.images.gateway ?? "", since: "" },
		},
		channels: { discord: { connected: ready, error: null } },
		state: { restore: delivery ? "fresh" : "pending", lastBackup: null },
	};
}

function lastBackup({ lastBackup: outcome }: HostBehaviour): Answer {
	if (outcome === "fails")
		return { stderr: "the backup could not be read back\n", code: 1 };
	const answer =
		outcome === "saved"
			? {
					version: 1,
					outcome,
					snapshot: "0123abcd",
					at: new Date().toISOString(),
					files: 3,
					bytes: 4096,
				}
			: { version: 1, outcome, reason: "the agent was never started" };
	return { stdout: `${JSON.stringify(answer)}\n` };
}
