// A model of the host: what infra can see of one, without a machine. It takes its identity from the very user-data that
// the program made, reports to the beacon, joins the tailnet with the key in the document, and answers SSH on an
// address of its own on the loopback.
import { createHash } from "node:crypto";
import { once } from "node:events";
import ssh2 from "ssh2";
import { z } from "zod";
import { presign } from "../../../infra/provider/s3presign.ts";
import type { Clock, Cloud } from "../../../lab/clouds/cloud.ts";
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
	/** The operating system image that was booted. */
	os: string;
	/** What its bucket had when the first delivery came. */
	state: "pending" | "fresh" | "restored";
	powered: boolean;
}

const deliverySchema = z.looseObject({
	version: z.literal(1),
	generation: z.number(),
	secrets: z.record(z.string(), z.string()).default({}),
	hostSecrets: z.record(z.string(), z.string()).default({}),
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

/** What hosts live in. */
export interface Surroundings {
	/** First three parts of a /24 of the loopback for these hosts; SSH is on port 22, which needs root. */
	network: string;
	coordination: Coordination;
	backblaze: Cloud;
	clock: Clock;
	/** Private key of their SSH servers. */
	hostKey: string;
	/** Called with each command that comes over SSH; false: the connection breaks instead. */
	before(host: ModelHost, command: string): boolean;
	/** Called with each command that came over SSH, when it has ended. */
	ran(host: ModelHost, command: string): void;
}

export function modelHypervisor(around: Surroundings): ModelHypervisor {
	const { network, coordination, backblaze } = around;
	const running = new Map<string, Running>();
	const hosts: ModelHost[] = [];
	const behaviour: HostBehaviour = {
		joins: true,
		gateway: "running",
		reachable: true,
		lastBackup: "saved",
	};

	const rules: Rules = { ...around, behaviour };

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
		host.os = host.deliveries.at(-1)?.os ?? host.os;
		one.server = await sshServer(host, rules);
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
		os: /^MOLTBOT_OS_IMAGE=(.*)$/m.exec(environment)?.[1] ?? "",
		state: "pending",
		powered: false,
	};
}

interface Rules extends Surroundings {
	behaviour: HostBehaviour;
}

/** Lets everybody in, as Tailscale SSH lets in whom the policy names. */
async function sshServer(host: ModelHost, rules: Rules): Promise<ssh2.Server> {
	const server = new ssh2.Server({ hostKeys: [rules.hostKey] }, (client) => {
		client.on("error", () => {});
		if (!rules.behaviour.reachable) {
			client.end();
			return;
		}
		client.on("authentication", (context) => {
			if (context.username === "core") context.accept();
			else context.reject();
		});
		client.on("session", (accept) => {
			accept().on("exec", (acceptExec, _reject, { command }) => {
				if (!rules.before(host, command)) {
					client.end();
					return;
				}
				const channel = acceptExec();
				host.commands.push(command);
				let input = "";
				channel.setEncoding("utf8").on("data", (text: string) => {
					input += text;
				});
				channel.on("end", async () => {
					const answer = await answerTo(command, input, host, rules).catch(
						(error: Error) => ({ stdout: "", stderr: error.message, code: 1 }),
					);
					rules.ran(host, command);
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

async function answerTo(
	command: string,
	input: string,
	host: ModelHost,
	rules: Rules,
): Promise<Answer> {
	switch (command) {
		case "true":
			return {};
		case "sudo /usr/local/libexec/moltbot/deliver":
			return deliver(input, host, rules);
		case "sudo /usr/local/bin/moltbot status --json":
		case "sudo /usr/local/bin/moltbot status --json --wait 20":
			return { stdout: `${JSON.stringify(statusOf(host, rules.behaviour))}\n` };
		case "sudo /usr/local/libexec/moltbot/last-backup":
			return lastBackup(host, rules);
		default:
			return { stderr: `sudo: ${command}: command not found\n`, code: 127 };
	}
}

async function deliver(
	input: string,
	host: ModelHost,
	rules: Rules,
): Promise<Answer> {
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
	// Restore comes before the first start, with the key that was just delivered.
	if (host.state === "pending") {
		const { status } = await askBucket(host, rules, "GET");
		if (status !== 200 && status !== 404)
			return { stderr: `the bucket answers ${status}\n`, code: 1 };
		host.state = status === 200 ? "restored" : "fresh";
	}
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
		os: { image: host.os, version: "" },
		delivery: delivery && { id: idOf(delivery), at: "", kept: [] },
		units: {
			gateway: { state, image: delivery?.images.gateway ?? "", since: "" },
		},
		channels: { discord: { connected: ready, error: null } },
		state: { restore: host.state, lastBackup: null },
	};
}

async function lastBackup(host: ModelHost, rules: Rules): Promise<Answer> {
	const { lastBackup: outcome } = rules.behaviour;
	if (outcome === "fails")
		return { stderr: "the backup could not be read back\n", code: 1 };
	if (outcome === "nothing-to-save") {
		const answer = { version: 1, outcome, reason: "the agent never started" };
		return { stdout: `${JSON.stringify(answer)}\n` };
	}
	const saved = {
		version: 1,
		outcome,
		snapshot: `0123abcd${host.generation}`,
		at: new Date(rules.clock.now()).toISOString(),
		files: 3,
		bytes: 4096,
	};
	const line = JSON.stringify(saved);
	const { status } = await askBucket(host, rules, "PUT", line);
	if (status !== 200)
		return { stderr: `the bucket answers ${status}\n`, code: 1 };
	return { stdout: `${line}\n` };
}

/** Reads or writes what tells of the newest backup, with nothing but what the host was given. */
function askBucket(
	host: ModelHost,
	{ backblaze, clock }: Rules,
	method: "GET" | "PUT",
	body?: string,
): Promise<Response> {
	const environment = host.files.get("/etc/moltbot/host.env") ?? "";
	const value = (name: string) =>
		new RegExp(`^${name}=["']?([^"'\n]*)`, "m").exec(environment)?.[1] ?? "";
	const secrets = host.deliveries.at(-1)?.hostSecrets ?? {};
	const url = presign({
		method,
		url: `${value("MOLTBOT_S3_ENDPOINT")}/${value("MOLTBOT_BUCKET")}/moltbot/last-backup.json`,
		region: value("MOLTBOT_S3_REGION"),
		accessKeyId: secrets["backup-key-id"] ?? "",
		secretAccessKey: secrets["backup-key"] ?? "",
		at: clock.now(),
		expires: 60,
	});
	const headers = { Host: new URL(url).host };
	const request = new Request(url, {
		method,
		headers,
		...(body === undefined ? {} : { body }),
	});
	return Promise.resolve(backblaze.app.fetch(request));
}
