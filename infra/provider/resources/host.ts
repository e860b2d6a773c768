/** How a resource finds and asks its host. */
import type { z } from "zod";
import type { Device } from "../clients/tailscale.ts";
import { ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import type { Context } from "../resource.ts";
import type { SshSession } from "../ssh.ts";

/** The account on the host that the operator uses. */
export const hostUser = "core";

/** The host's device on the tailnet; the connected one where an old one is left. */
export async function findDevice(
	{ tailscale }: Context,
	hostname: string,
	tag: string,
): Promise<Device | undefined> {
	const devices = (await tailscale.devices()).filter(
		(device) => device.hostname === hostname && device.tags.includes(tag),
	);
	return devices.find(({ online }) => online) ?? devices[0];
}

/** Opens a connection for the time of `use`. */
export async function onHost<T>(
	context: Context,
	address: string,
	use: (session: SshSession) => Promise<T>,
): Promise<T> {
	const session = await context.ssh(
		{ address, user: hostUser },
		context.signal,
		context.patience,
	);
	try {
		return await use(session);
	} finally {
		session.close();
	}
}

/** Reads the last line of an output as JSON. @throws ProviderError `unexpected_host_answer` */
export function parseAnswer<T>(
	hostname: string,
	command: string,
	output: string,
	schema: z.ZodType<T>,
): T {
	const line = output.trim().split("\n").at(-1) ?? "";
	const parsed = schema.safeParse(jsonOf(line));
	if (parsed.success) return parsed.data;
	const issue = parsed.error.issues[0];
	throw new ProviderError(
		"unexpected_host_answer",
		messages.hostAnswer(
			hostname,
			command,
			issue ? `${issue.path.join(".") || "answer"}: ${issue.message}` : "",
		),
	);
}

function jsonOf(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** The last lines of a text, without empty ones. */
export function lastLines(text: string, count = 10): string[] {
	return text
		.split("\n")
		.filter((line) => line.trim() !== "")
		.slice(-count);
}

/** Whether an error means that the host could not be asked, which says nothing about how it is. */
export function isUnreachable(error: unknown): error is ProviderError {
	return (
		error instanceof ProviderError &&
		(error.code === "ssh_unreachable" || error.code === "ssh_refused")
	);
}
