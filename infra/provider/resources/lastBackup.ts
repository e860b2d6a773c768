import { z } from "zod";
import { isStopped } from "../clients/vultr.ts";
import { ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import { lastBackupName, lastBackupSchema } from "../objects.ts";
import type { Context, Resource } from "../resource.ts";
import type { lastBackupShape, State } from "../shapes.ts";
import { isBorn } from "./generation.ts";
import {
	findDevice,
	isUnreachable,
	lastLines,
	onHost,
	parseAnswer,
} from "./host.ts";

type Shape = typeof lastBackupShape;

const command = "sudo /usr/local/libexec/moltbot/last-backup";

/** A first backup of a large state over a slow line takes its time. */
const deadline = 3_600_000;

const answerSchema = z.discriminatedUnion("outcome", [
	z.object({
		outcome: z.literal("saved"),
		snapshot: z.string().min(1),
		at: z.string().min(1),
		files: z.int(),
		bytes: z.number(),
	}),
	z.object({ outcome: z.literal("nothing-to-save"), reason: z.string() }),
]);

/**
 * The last backup is the deletion of this resource, so it runs on destroy and on replacement alike, before the VM goes.
 * Safe against interruption: saving twice is as good as once.
 */
export const lastBackup: Resource<Shape> = {
	async create(_context, inputs) {
		return { id: `${inputs.hostname}-g${inputs.generation}`, state: inputs };
	},

	async delete(context, _id, state) {
		const { hostname, generation, instanceId } = state;
		const vm = await context.vultr.instance(instanceId);
		if (!vm) {
			const newest = await newestBackup(context, state);
			context.report.warn(messages.backupGone(instanceId, newest));
			return;
		}
		if (!(await isBorn(context, state.bucketName, generation))) {
			context.report.info(messages.backupUnborn(hostname, generation));
			return;
		}
		const discard = `${hostname}:${generation}`;
		if (context.env.MOLTBOT_DISCARD === discard) {
			context.report.warn(messages.backupDiscarded(discard));
			return;
		}
		try {
			if (isStopped(vm))
				throw new ProviderError("ssh_unreachable", messages.backupStopped());
			await save(context, state);
		} catch (error) {
			if (!isUnreachable(error)) throw error;
			throw new ProviderError(
				"last_backup_unreachable",
				messages.backupUnreachable(
					hostname,
					instanceId,
					discard,
					context.env.MOLTBOT_DISCARD,
					error.message,
				),
			);
		}
	},
};

/** Stops the agent and saves its state, on the host. */
async function save(context: Context, state: State<Shape>): Promise<void> {
	const { hostname, tag } = state;
	const device = await findDevice(context, hostname, tag);
	if (!device)
		throw new ProviderError(
			"ssh_unreachable",
			messages.backupNoDevice(hostname, tag),
		);
	context.report.info(messages.backupRunning(hostname));
	const result = await onHost(context, device.address, (session) =>
		session.run({ command, deadline, doing: "saving the agent's state" }),
	);
	if (result.code !== 0)
		throw new ProviderError(
			"last_backup_failed",
			messages.backupFailed(hostname, result.code, lastLines(result.stderr)),
		);
	const answer = parseAnswer(hostname, command, result.stdout, answerSchema);
	context.report.info(
		answer.outcome === "saved"
			? messages.backupSaved(answer.snapshot, answer.files, answer.bytes)
			: messages.backupNothing(answer.reason),
	);
}

/** What is left of a host whose VM is gone; not being able to tell does not stop the destroy. */
async function newestBackup(
	{ b2 }: Context,
	{ bucketName }: State<Shape>,
): Promise<string> {
	try {
		const newest = await b2.download(
			bucketName,
			lastBackupName,
			lastBackupSchema,
		);
		if (!newest) return messages.backupNone();
		const age = (await b2.serverTime()) - Date.parse(newest.at);
		return messages.backupNewest(newest.snapshot, newest.at, duration(age));
	} catch (error) {
		if (error instanceof ProviderError && error.code !== "interrupted")
			return messages.backupUnknown(error.message);
		throw error;
	}
}

/** A span of time in words, to the nearest lower unit that matters. */
export function duration(milliseconds: number): string {
	const minutes = Math.max(0, Math.floor(milliseconds / 60_000));
	if (minutes < 120) return `${minutes} min`;
	const hours = Math.floor(minutes / 60);
	return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}
