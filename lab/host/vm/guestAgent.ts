import { connect } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const answer = z.union([
	z.object({ return: z.unknown() }),
	z.object({ error: z.object({ desc: z.string() }) }),
]);
const started = z.object({ pid: z.number() });
const ended = z.object({
	exited: z.boolean(),
	exitcode: z.number().optional(),
	signal: z.number().optional(),
	"out-data": z.base64().optional(),
	"err-data": z.base64().optional(),
});

/** A command in the guest failed; with what execFile would say of one. */
export class GuestCommandError extends Error {
	/** Exit status; null where a signal ended it. */
	readonly code: number | null;
	readonly stdout: string;
	readonly stderr: string;

	constructor(
		argv: readonly string[],
		code: number | null,
		stdout: string,
		stderr: string,
	) {
		super(`Command failed in the guest: ${argv.join(" ")}\n${stderr}`);
		this.name = "GuestCommandError";
		this.code = code;
		this.stdout = stdout;
		this.stderr = stderr;
	}
}

/** QEMU's guest agent, over the socket that QEMU gives its serial port: https://qemu.readthedocs.io/en/latest/interop/qemu-ga-ref.html */
export class GuestAgent {
	readonly #socket: string;
	/** It serves one client at a time. */
	#last: Promise<unknown> = Promise.resolve();
	#id = 0;

	constructor(socket: string) {
		this.#socket = socket;
	}

	/** Runs a command as root; rejects with GuestCommandError where it fails. */
	async exec(
		argv: readonly string[],
		signal?: AbortSignal,
	): Promise<{ stdout: string; stderr: string }> {
		const [path, ...arg] = argv;
		const call = { path, arg, "capture-output": true };
		const { pid } = started.parse(await this.#call("guest-exec", call, signal));
		for (let wait = 50; ; wait = Math.min(wait * 2, 1600)) {
			await sleep(wait, undefined, signal ? { signal } : {});
			const status = ended.parse(
				await this.#call("guest-exec-status", { pid }, signal),
			);
			if (!status.exited) continue;
			const text = (data = "") => Buffer.from(data, "base64").toString();
			const stdout = text(status["out-data"]);
			const stderr = text(status["err-data"]);
			if (status.exitcode === 0) return { stdout, stderr };
			const code = status.exitcode ?? null;
			throw new GuestCommandError(argv, code, stdout, stderr);
		}
	}

	/** One request, after those before it. */
	#call(name: string, argument: object, signal?: AbortSignal) {
		const call = this.#last
			.catch(() => undefined)
			.then(() => this.#ask(name, argument, signal));
		this.#last = call;
		return call;
	}

	/**
	 * Over a connection of its own, because a restart of the guest is not seen on one. Whatever an earlier client left unread is skipped
	 * up to the answer to `guest-sync`.
	 */
	async #ask(
		name: string,
		argument: object,
		outer?: AbortSignal,
	): Promise<unknown> {
		this.#id += 1;
		const id = process.pid * 100_000 + this.#id;
		const silence = AbortSignal.timeout(60_000);
		const signal = outer ? AbortSignal.any([outer, silence]) : silence;
		const socket = connect({ path: this.#socket, signal });
		const send = (execute: string, values: object) =>
			socket.write(`${JSON.stringify({ execute, arguments: values })}\n`);
		try {
			// 0xFF makes the agent forget half a request.
			socket.write(Buffer.from([0xff]));
			send("guest-sync", { id });
			let synced = false;
			for await (const line of createInterface(socket)) {
				const parsed = answer.safeParse(parseLine(line));
				if (!parsed.success) continue;
				const { data } = parsed;
				if (!synced) {
					synced = "return" in data && data.return === id;
					if (synced) send(name, argument);
				} else if ("error" in data)
					throw new Error(`${name}: ${data.error.desc}`);
				else return data.return;
			}
			throw new Error(`${name}: the guest agent has gone`);
		} finally {
			socket.destroy();
		}
	}
}

function parseLine(line: string): unknown {
	try {
		return JSON.parse(line);
	} catch {
		return undefined;
	}
}
