import { z } from "zod";
import { ProviderError } from "../errors.ts";
import { messages, quote } from "../messages.ts";
import { type Context, type Resource, until } from "../resource.ts";
import type { Inputs, readinessShape, State } from "../shapes.ts";
import type { SshPatience } from "../ssh.ts";
import { isUnreachable, lastLines, onHost, parseAnswer } from "./host.ts";

type Shape = typeof readinessShape;

// By its path: sudo's own list of folders need not have it.
const command = "sudo /usr/local/bin/moltbot status --json";

/** The host waits by itself until there is news, so that it is not asked all the time while the agent starts. */
const waitingCommand = `${command} --wait 20`;

/** For one question. */
const askMilliseconds = 90_000;

/** A unit that systemd has given up is not started again by itself; this long may a delivery take to do it. */
const settleMilliseconds = 60_000;

/** A refresh asks once: off the tailnet its operator waits for nothing longer than this. */
const oneAttempt: SshPatience = {
	unreachable: 10_000,
	refused: 10_000,
	attempt: 10_000,
};

const statusSchema = z.looseObject({
	version: z.literal(1),
	generation: z.int(),
	ready: z.boolean(),
	problems: z
		.array(
			z.looseObject({
				unit: z.string(),
				message: z.string(),
				lines: z.array(z.string()).default([]),
				/** No waiting will mend it. */
				permanent: z.boolean().optional(),
			}),
		)
		.default([]),
	units: z
		.record(
			z.string(),
			z.looseObject({ state: z.string(), image: z.string().nullish() }),
		)
		.default({}),
	os: z.looseObject({ image: z.string().nullish() }).optional(),
});

type Status = z.output<typeof statusSchema>;

/** Safe against interruption: it only asks. */
export const readiness: Resource<Shape> = {
	async create(context, inputs) {
		const id = `${inputs.hostname}-g${inputs.generation}`;
		return { id, state: await ready(context, inputs) };
	},

	update: (context, _id, _state, inputs) => ready(context, inputs),

	/**
	 * Fails on a dead agent; being unable to ask keeps what was known, and so does an agent that runs what it ran: the age of its
	 * last backup is no change of the stack.
	 */
	async read(context, _id, state) {
		const { hostname } = state;
		let status: Status;
		try {
			const patience = context.patience ?? oneAttempt;
			status = await ask({ ...context, patience }, state);
		} catch (error) {
			if (!isUnreachable(error)) throw error;
			context.report.warn(
				messages.readinessUnchecked(hostname, state.readyAt, error.message),
			);
			return state;
		}
		if (status.ready)
			return runsWhat(status) === runsWhat(JSON.parse(state.summary))
				? state
				: stateOf(state, status);
		throw new ProviderError(
			"agent_dead",
			messages.dead(hostname, describe(status)),
		);
	},
};

async function ready(
	context: Context,
	inputs: Inputs<Shape>,
): Promise<State<Shape>> {
	const { hostname, deadlineSeconds } = inputs;
	const begin = performance.now();
	let shown = "";
	let failedSince: number | undefined;
	const { first } = context.rhythm;
	const often = { ...context, rhythm: { first, longest: first } };
	return until(often, `waiting for ${hostname} to be ready`, async () => {
		const now = performance.now();
		const late = now - begin > deadlineSeconds * 1000;
		const how = shown === "" ? command : waitingCommand;
		const status = await ask(context, inputs, how).catch((error: unknown) => {
			// A host that reboots into a new OS is away for a while.
			if (late || !isUnreachable(error)) throw error;
			return undefined;
		});
		if (status?.ready) return stateOf(inputs, status);
		failedSince =
			status && hasGivenUp(status) ? (failedSince ?? now) : undefined;
		const permanent =
			status?.problems.some((problem) => problem.permanent === true) === true ||
			(failedSince !== undefined && now - failedSince > settleMilliseconds);
		if (late || permanent)
			throw new ProviderError(
				"agent_not_ready",
				messages.notReady(
					hostname,
					deadlineSeconds,
					status ? describe(status) : "",
					permanent,
				),
			);
		const line = status?.problems[0]?.message ?? messages.readinessAway();
		if (line !== shown) context.report.info(line);
		shown = line;
		return undefined;
	});
}

/** Asks the host once. */
async function ask(
	context: Context,
	{ address, hostname }: Pick<Inputs<Shape>, "address" | "hostname">,
	how = command,
): Promise<Status> {
	const result = await onHost(context, address, (session) =>
		session.run({
			command: how,
			deadline: askMilliseconds,
			doing: "asking how the agent is",
		}),
	);
	if (result.code !== 0)
		throw new ProviderError(
			"agent_dead",
			messages.dead(
				hostname,
				`\n  \`${command}\` ended with status ${result.code}:${quote(lastLines(result.stderr))}`,
			),
		);
	return parseAnswer(hostname, command, result.stdout, statusSchema);
}

/** The images that run, as text to compare. */
function runsWhat(status: unknown): string {
	const parsed = statusSchema.safeParse(status);
	if (!parsed.success) return "";
	const { os, units } = parsed.data;
	return JSON.stringify([
		os?.image ?? null,
		Object.entries(units)
			.map(([name, { image }]) => [name, image ?? null])
			.sort(),
	]);
}

function hasGivenUp({ units }: Status): boolean {
	return Object.values(units).some(({ state }) => state === "failed");
}

function describe({ problems }: Status): string {
	return problems
		.map(
			({ unit, message, lines }) =>
				`\n  ${unit}: ${message}${quote(lines.slice(-10))}`,
		)
		.join("");
}

function stateOf(inputs: Inputs<Shape>, status: Status): State<Shape> {
	return {
		hostname: inputs.hostname,
		address: inputs.address,
		generation: inputs.generation,
		deliveryId: inputs.deliveryId,
		deadlineSeconds: inputs.deadlineSeconds,
		summary: JSON.stringify(status),
		readyAt: new Date().toISOString(),
	};
}
