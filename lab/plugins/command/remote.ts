import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type Client, type ConnectConfig } from "ssh2";
import { z } from "zod";
import type { Properties } from "../values.ts";

const connectionSchema = z.object({
	host: z.string(),
	user: z.string().default("root"),
	port: z.number().default(22),
	password: z.string().optional(),
	privateKey: z.string().optional(),
	privateKeyPassword: z.string().optional(),
	/** An authorized_keys-style line; without it the host key is not checked. */
	hostKey: z.string().optional(),
	/** Attempts; -1: for ever. */
	dialErrorLimit: z.number().default(10),
	/** Seconds. */
	perDialTimeout: z.number().default(15),
});

const inputsSchema = z.object({
	connection: connectionSchema,
	stdin: z.string().optional(),
	environment: z.record(z.string(), z.string()).optional(),
	logging: z
		.enum(["none", "stdout", "stderr", "stdoutAndStderr"])
		.default("stdoutAndStderr"),
});

/** Runs the script on the host and returns what it printed, without the last newline. */
export async function runRemote(
	script: string,
	properties: Properties,
	environment: Record<string, string> = {},
): Promise<Properties> {
	const inputs = inputsSchema.parse(properties);
	// ssh2 does not tell whether the server took a variable, and the real plugin fails where it did not.
	const own = Object.keys(inputs.environment ?? {});
	if (own.length > 0)
		throw new Error(
			`The lab's plugin command does not send environment variables (${own.join(", ")}); pass them on standard input.`,
		);
	const client = await dial(inputs.connection);
	try {
		return await run(client, script, inputs, environment);
	} finally {
		client.end();
	}
}

/** Whatever goes wrong is tried again: refused, timed out, wrong host key, not allowed in. */
async function dial(to: z.output<typeof connectionSchema>): Promise<Client> {
	for (let attempt = 1, pause = 100; ; attempt++) {
		try {
			return await connect(to);
		} catch (error) {
			const message = (error as Error).message;
			if (to.dialErrorLimit >= 0 && attempt >= to.dialErrorLimit)
				throw new Error(`after ${attempt} failed attempts: ${message}`, {
					cause: error,
				});
			const limit = to.dialErrorLimit < 0 ? "inf" : to.dialErrorLimit;
			console.error(`Dial ${attempt}/${limit} failed: retrying`);
		}
		await sleep(pause);
		pause = Math.min(pause * 1.5, 5_000);
	}
}

function connect(to: z.output<typeof connectionSchema>): Promise<Client> {
	const expected = to.hostKey?.split(" ")[1];
	const config: ConnectConfig = {
		host: to.host,
		port: to.port,
		username: to.user,
		readyTimeout: to.perDialTimeout * 1000,
		hostVerifier: (key: Buffer) =>
			expected === undefined || key.toString("base64") === expected,
	};
	if (to.password !== undefined) config.password = to.password;
	if (to.privateKey !== undefined) config.privateKey = to.privateKey;
	if (to.privateKeyPassword !== undefined)
		config.passphrase = to.privateKeyPassword;
	return new Promise((resolve, reject) => {
		const client = new ssh2.Client();
		client.once("ready", () => resolve(client));
		client.once("close", () => reject(new Error("ssh: connection closed")));
		client.on("error", (error) => {
			client.destroy();
			const authentication =
				(error as { level?: string }).level === "client-authentication";
			reject(
				new Error(
					authentication
						? "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none], no supported methods remain"
						: `ssh: handshake failed: ${error.message}`,
				),
			);
		});
		client.connect(config);
	});
}

function run(
	client: Client,
	script: string,
	{ stdin, logging }: z.output<typeof inputsSchema>,
	environment: Record<string, string>,
): Promise<Properties> {
	return new Promise((resolve, reject) => {
		client.exec(script, { env: environment }, (failure, channel) => {
			if (failure) return reject(failure);
			const printed = { stdout: "", stderr: "", both: "" };
			const collect = (stream: "stdout" | "stderr") => (text: string) => {
				printed[stream] += text;
				printed.both += text;
				if (logging === "stdoutAndStderr" || logging === stream)
					process.stdout.write(text);
			};
			channel.setEncoding("utf8").on("data", collect("stdout"));
			channel.stderr.setEncoding("utf8").on("data", collect("stderr"));
			let status: number | null | undefined;
			channel.on("exit", (code: number | null) => {
				status = code;
			});
			channel.on("close", () => {
				if (status === 0)
					resolve({
						stdout: printed.stdout.replace(/\n$/, ""),
						stderr: printed.stderr.replace(/\n$/, ""),
					});
				else if (typeof status === "number")
					reject(
						new Error(
							`Process exited with status ${status}: running ${JSON.stringify(script)}:\n${printed.both}`,
						),
					);
				else
					reject(
						new Error(
							`wait: remote command exited without exit status or exit signal: running ${JSON.stringify(script)}:\n${printed.both}`,
						),
					);
			});
			channel.end(stdin ?? "");
		});
	});
}
