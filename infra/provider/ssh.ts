/**
 * SSH to the host over the tailnet. Tailscale SSH knows the caller by his device, so the method `none` is all it takes.
 * Without `hostKey` the host key is not checked: WireGuard has already proved whose address it is.
 */
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { type ErrorCode, ProviderError } from "./errors.ts";
import { messages } from "./messages.ts";

/** Where to connect. */
export interface SshTarget {
	readonly address: string;
	readonly user: string;
	/** 22 outside tests. */
	readonly port?: number;
	/** `<type> <base64>`, as in known_hosts; checked if given. */
	readonly hostKey?: string | undefined;
}

/** How long to try, in milliseconds. */
export interface SshPatience {
	/** While nobody answers. */
	readonly unreachable: number;
	/** While the host answers but does not let us in: a new policy takes a moment to arrive. */
	readonly refused: number;
	/** For one attempt. A new one is quicker than the second packet of an old one. */
	readonly attempt: number;
}

export const defaultPatience: SshPatience = {
	unreachable: 45_000,
	refused: 10_000,
	attempt: 10_000,
};

/** What a command came to. */
export interface SshResult {
	/** Exit status; 128 + n after signal n is the shell's business, -1 means a signal without a status. */
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

/** One command. */
export interface SshCommand {
	readonly command: string;
	/** Written to its standard input; secrets travel here, never in `command`. */
	readonly stdin?: string;
	/** In milliseconds. */
	readonly deadline: number;
	/** For errors: `saving the agent's state`. */
	readonly doing: string;
}

/** An open connection. */
export interface SshSession {
	run(command: SshCommand): Promise<SshResult>;
	close(): void;
}

/** Opens a connection. */
export type SshConnect = (
	target: SshTarget,
	signal: AbortSignal,
	patience?: SshPatience,
) => Promise<SshSession>;

/** The most that is kept of an output, in characters. */
const outputLimit = 1 << 20;

/** @throws ProviderError `ssh_unreachable`, `ssh_refused`, `interrupted` */
export const connect: SshConnect = async (
	target,
	signal,
	patience = defaultPatience,
) => {
	const begin = performance.now();
	for (let pause = 250; ; pause = Math.min(pause * 2, 4000)) {
		try {
			return session(
				target,
				await open(target, signal, patience.attempt),
				signal,
			);
		} catch (error) {
			if (!(error instanceof ProviderError)) throw error;
			const limit = limitOf(error.code, patience);
			if (performance.now() - begin + pause > limit) throw error;
		}
		await sleep(pause, undefined, { signal }).catch(() => {
			throw interrupted(target);
		});
	}
};

function limitOf(code: ErrorCode, patience: SshPatience): number {
	if (code === "ssh_unreachable") return patience.unreachable;
	return code === "ssh_refused" ? patience.refused : 0;
}

function interrupted(target: SshTarget): ProviderError {
	return new ProviderError(
		"interrupted",
		messages.interrupted(`connecting to ${target.address}`),
	);
}

function open(
	target: SshTarget,
	signal: AbortSignal,
	timeout: number,
): Promise<ssh2.Client> {
	const { address, user } = target;
	return new Promise((resolve, reject) => {
		const client = new ssh2.Client();
		let banner = "";
		let denied = false;
		const settle = (error?: ProviderError) => {
			signal.removeEventListener("abort", abort);
			if (error) {
				client.destroy();
				reject(error);
			} else resolve(client);
		};
		const refused = () =>
			new ProviderError(
				"ssh_refused",
				messages.sshRefused(address, user, banner.trim()),
			);
		const abort = () => settle(interrupted(target));
		signal.addEventListener("abort", abort, { once: true });
		if (signal.aborted) abort();

		client.on("banner", (text) => {
			banner += text;
		});
		client.on("ready", () => settle());
		client.on("error", (error) => {
			if (denied)
				settle(new ProviderError("ssh_refused", messages.sshHostKey(address)));
			else if (error.level === "client-authentication") settle(refused());
			else
				settle(
					new ProviderError(
						"ssh_unreachable",
						messages.sshUnreachable(address, reasonOf(error)),
					),
				);
		});
		// A policy that forbids the user ends in a banner and a close, without any error.
		client.on("close", () =>
			settle(
				banner
					? refused()
					: new ProviderError(
							"ssh_unreachable",
							messages.sshUnreachable(address, "it closed the connection"),
						),
			),
		);
		client.connect({
			host: address,
			port: target.port ?? 22,
			username: user,
			authHandler: ["none"],
			readyTimeout: timeout,
			keepaliveInterval: 15_000,
			keepaliveCountMax: 4,
			hostVerifier: (key: Buffer) => {
				denied =
					target.hostKey !== undefined &&
					target.hostKey.split(" ")[1] !== key.toString("base64");
				return !denied;
			},
		});
	});
}

function reasonOf(error: Error & { code?: unknown; level?: unknown }): string {
	if (typeof error.code === "string") return error.code;
	return error.level === "client-timeout" ? "no answer" : error.message;
}

function session(
	target: SshTarget,
	client: ssh2.Client,
	signal: AbortSignal,
): SshSession {
	// After `ready` a lost connection shows as the end of the command; the event itself has nobody to go to.
	client.on("error", () => {});
	return {
		run: (command) => run(target, client, command, signal),
		close: () => client.end(),
	};
}

function run(
	target: SshTarget,
	client: ssh2.Client,
	{ command, stdin, deadline, doing }: SshCommand,
	signal: AbortSignal,
): Promise<SshResult> {
	const { address } = target;
	return new Promise((resolve, reject) => {
		const lost = () =>
			settle(
				new ProviderError("ssh_unreachable", messages.sshLost(address, doing)),
			);
		const settle = (result: SshResult | ProviderError) => {
			clearTimeout(timer);
			client.off("close", lost);
			signal.removeEventListener("abort", abort);
			if (result instanceof ProviderError) {
				client.destroy();
				reject(result);
			} else resolve(result);
		};
		const timer = setTimeout(
			() =>
				settle(
					new ProviderError(
						"timeout",
						messages.sshSlow(address, doing, Math.round(deadline / 1000)),
					),
				),
			deadline,
		);
		const abort = () =>
			settle(new ProviderError("interrupted", messages.interrupted(doing)));
		signal.addEventListener("abort", abort, { once: true });
		client.on("close", lost);
		client.exec(command, (error, channel) => {
			if (error) return lost();
			let stdout = "";
			let stderr = "";
			let code: number | undefined;
			channel.setEncoding("utf8");
			channel.stderr.setEncoding("utf8");
			channel.on("data", (text: string) => {
				stdout = (stdout + text).slice(-outputLimit);
			});
			channel.stderr.on("data", (text: string) => {
				stderr = (stderr + text).slice(-outputLimit);
			});
			channel.on("exit", (status: number | null) => {
				code = status ?? -1;
			});
			channel.on("close", () =>
				code === undefined ? lost() : settle({ code, stdout, stderr }),
			);
			// Not end(): with both directions ended Node destroys the stream, which closes the channel under an exit status that is on its way.
			if (stdin === undefined) channel.eof();
			else channel.write(stdin, () => channel.eof());
		});
	});
}
