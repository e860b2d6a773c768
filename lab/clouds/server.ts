import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, isIP, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Cloud, World } from "./cloud.ts";
import { createControl } from "./control.ts";
import { createFaults } from "./faults.ts";
import { createHandler, type Handler } from "./handler.ts";
import { createProxy } from "./proxy.ts";
import { openRequestLog } from "./requestLog.ts";
import { createRouter } from "./router.ts";
import { type CertificatePair, type LabCa, openCa } from "./tls.ts";

/** How the stand-ins are started. Addresses are written `host:port`; port 0 takes a free one. */
export interface StartOptions {
	world: World;
	clouds: readonly Cloud[];
	/** TLS listeners. Default: `127.0.0.1:0`. */
	listen?: readonly string[];
	/** Plain HTTP listeners. Default: none. */
	listenPlain?: readonly string[];
	/** Where the proxy listens, for use without root. Default: no proxy. */
	proxyListen?: string | undefined;
	/** Names behind the proxy that have a server of their own: `name:port` → `host:port`. */
	proxyRoutes?: Readonly<Record<string, string>>;
}

/** Stand-ins that run. */
export interface RunningClouds {
	/** The lab's certificate authority; `ca.path` is what clients trust. */
	ca: LabCa;
	/** Addresses in effect, `host:port`. */
	addresses: { tls: string[]; plain: string[]; proxy: string | undefined };
	/** Path of the control interface's socket, for `controlClient`. */
	controlSocket: string;
	/** Environment that leads a process through the proxy and makes it trust the CA. */
	environment: Record<string, string>;
	/** Ends all listeners, connections and clouds. */
	close(): Promise<void>;
}

/** The lab cannot be started as asked. */
export class StartError extends Error {
	readonly code = "lab-start";
}

/** Starts the stand-ins of `clouds` behind common listeners. */
export async function startClouds(
	options: StartOptions,
): Promise<RunningClouds> {
	const { world, clouds } = options;
	const controlSocket = join(world.stateDir, "control.sock");
	await claim(controlSocket, world.stateDir);

	const ca = await openCa(world.stateDir);
	const log = openRequestLog(world.stateDir);
	const faults = createFaults();
	const control = createControl({ world, clouds, log, faults });
	const route = createRouter([...clouds, control]);
	const stop = new AbortController();
	const connections = new Connections();
	const handler = createHandler({
		world,
		route,
		log,
		faults,
		signal: stop.signal,
		reset: (socket) => connections.reset(socket),
	});
	const servers: Server[] = [];
	const open = async (server: Server, where: Where) => {
		connections.watch(server);
		servers.push(server);
		return listen(server, where);
	};
	let closed: Promise<void> | undefined;
	const close = () => {
		closed ??= closeAll();
		return closed;
	};
	const closeAll = async () => {
		stop.abort();
		await Promise.all(
			servers.map((server) => {
				const ended = new Promise((resolve) => server.close(resolve));
				connections.destroyAll();
				return ended;
			}),
		);
		await Promise.all(clouds.map((cloud) => cloud.close?.()));
		log.close();
	};

	try {
		const fallback = await ca.issue(["localhost", "127.0.0.1", "::1"]);
		const tls = [];
		for (const address of options.listen ?? ["127.0.0.1:0"])
			tls.push(
				await open(tlsServer(ca, fallback, handler), parseAddress(address)),
			);
		const plain = [];
		for (const address of options.listenPlain ?? [])
			plain.push(await open(plainServer(handler), parseAddress(address)));
		await open(plainServer(handler), { path: controlSocket });
		let proxy: string | undefined;
		if (options.proxyListen !== undefined) {
			const server = createProxy({
				known: (host) => route(host) !== undefined,
				tls: parseAddress(tls[0] ?? "127.0.0.1:443"),
				routes: new Map(
					Object.entries(options.proxyRoutes ?? {}).map(([name, address]) => [
						name,
						parseAddress(address),
					]),
				),
				handler,
			});
			proxy = await open(server, parseAddress(options.proxyListen));
		}
		return {
			ca,
			addresses: { tls, plain, proxy },
			controlSocket,
			environment: {
				...trustEnvironment(ca.path),
				...(proxy === undefined ? {} : proxyEnvironment(proxy)),
			},
			close,
		};
	} catch (error) {
		await close();
		throw error;
	}
}

/** Variables by which the usual clients (Node, Go, OpenSSL, Python, curl, AWS) trust a CA. */
export function trustEnvironment(caPath: string): Record<string, string> {
	return {
		NODE_EXTRA_CA_CERTS: caPath,
		SSL_CERT_FILE: caPath,
		REQUESTS_CA_BUNDLE: caPath,
		CURL_CA_BUNDLE: caPath,
		AWS_CA_BUNDLE: caPath,
	};
}

function proxyEnvironment(proxy: string): Record<string, string> {
	const url = `http://${proxy}`;
	const direct = "127.0.0.1,localhost,::1";
	return {
		HTTPS_PROXY: url,
		https_proxy: url,
		HTTP_PROXY: url,
		http_proxy: url,
		NO_PROXY: direct,
		no_proxy: direct,
		NODE_USE_ENV_PROXY: "1",
	};
}

/** Idle connections live as long as behind the usual front ends, so that clients which reuse them meet no closed one. */
const keepAliveTimeout = 75_000;

function tlsServer(
	ca: LabCa,
	fallback: CertificatePair,
	handler: Handler,
): Server {
	const contexts = new Map<string, Promise<SecureContext>>();
	const server = createTlsServer(
		{
			keepAliveTimeout,
			// Clients that dial an address send no name and get this one.
			cert: fallback.certificate,
			key: fallback.key,
			SNICallback(name, callback) {
				const known = contexts.get(name) ?? context(ca, name);
				contexts.set(name, known);
				known.then(
					(value) => callback(null, value),
					(error) => callback(error),
				);
			},
		},
		handler.request,
	);
	server.on("upgrade", handler.upgrade);
	return server;
}

async function context(ca: LabCa, name: string): Promise<SecureContext> {
	const pair = await ca.issue([name]);
	return createSecureContext({ cert: pair.certificate, key: pair.key });
}

function plainServer(handler: Handler): Server {
	const server = createServer({ keepAliveTimeout }, handler.request);
	server.on("upgrade", handler.upgrade);
	return server;
}

type Where = { host: string; port: number } | { path: string };

async function listen(server: Server, where: Where): Promise<string> {
	await new Promise<void>((resolve, reject) => {
		server.once("error", (cause: NodeJS.ErrnoException) =>
			reject(
				new StartError(
					`The lab cannot listen on ${"path" in where ? where.path : `${where.host}:${where.port}`} (${cause.code}); free it or name another address.`,
					{ cause },
				),
			),
		);
		server.listen(where, resolve);
	});
	const address = server.address() as AddressInfo | string;
	if (typeof address === "string") return address;
	return address.family === "IPv6"
		? `[${address.address}]:${address.port}`
		: `${address.address}:${address.port}`;
}

function parseAddress(address: string): { host: string; port: number } {
	const match = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(address);
	const host = match?.[1] ?? match?.[2] ?? "";
	const port = Number(match?.[3]);
	if (!match || (!isIP(host) && host !== "localhost") || port > 65535)
		throw new StartError(
			`"${address}" is not an address to listen on; write it as 127.0.0.1:8443 or [::1]:8443.`,
		);
	return { host, port };
}

/** A state directory belongs to one running lab; a socket that nobody answers on was left by a killed one. */
async function claim(path: string, stateDir: string): Promise<void> {
	const taken = await new Promise<boolean>((resolve) => {
		const probe = connect({ path }, () => {
			probe.destroy();
			resolve(true);
		});
		probe.on("error", () => resolve(false));
	});
	if (taken)
		throw new StartError(
			`A lab already runs on ${stateDir}; stop it or name another state directory.`,
		);
	rmSync(path, { force: true });
}

/** Knows the TCP connection below each request, so that it can be reset and, at the end, closed. */
class Connections {
	readonly #open = new Map<string, Socket>();
	readonly #all = new Set<Socket>();

	watch(server: Server): void {
		server.on("connection", (socket: Socket) => {
			const key = peer(socket);
			this.#open.set(key, socket);
			this.#all.add(socket);
			socket.once("close", () => {
				this.#all.delete(socket);
				if (this.#open.get(key) === socket) this.#open.delete(key);
			});
		});
		// A tunnel is no longer the server's own, but still ours.
		server.on("connect", (_request, socket: Duplex) => {
			this.#all.add(socket as Socket);
		});
	}

	reset(socket: Duplex): void {
		const raw = this.#open.get(peer(socket as Socket));
		if (raw && !raw.destroyed && raw.remotePort !== undefined)
			raw.resetAndDestroy();
		socket.destroy();
	}

	destroyAll(): void {
		for (const socket of this.#all) socket.destroy();
	}
}

function peer(socket: Socket): string {
	return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`;
}
