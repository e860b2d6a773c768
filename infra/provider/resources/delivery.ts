import { createHash } from "node:crypto";
import { z } from "zod";
import { operatorStore, type SecretStore } from "../clients/onepassword.ts";
import { redact } from "../environment.ts";
import { ProviderError } from "../errors.ts";
import { messages } from "../messages.ts";
import type { Context, Resource } from "../resource.ts";
import type { deliveryShape, Inputs, State } from "../shapes.ts";
import { lastLines, onHost, parseAnswer } from "./host.ts";

type Shape = typeof deliveryShape;
type References = Inputs<Shape>["secrets"];

const command = "sudo /usr/local/libexec/moltbot/deliver";

/** A change of version waits up to half an hour for the new one to become well, between a backup and a restore. */
const deliverMilliseconds = 90 * 60_000;

const answerSchema = z.looseObject({
	version: z.literal(1),
	/** Files of ours that lie beside those which the agent has changed. */
	kept: z.array(z.string()),
});

/** Safe against interruption: the host takes the same delivery twice as once. */
export const delivery: Resource<Shape> = {
	async create(context, inputs) {
		const id = `${inputs.hostname}-g${inputs.generation}`;
		return { id, state: await deliver(context, inputs) };
	},

	update: (context, _id, _state, inputs) => deliver(context, inputs),
};

async function deliver(
	context: Context,
	inputs: Inputs<Shape>,
): Promise<State<Shape>> {
	const store = await operatorStore(context.http, context.env);
	const [secrets, hostSecrets] = await Promise.all([
		readAll(store, inputs.secrets),
		readAll(store, inputs.hostSecrets),
	]);
	const stdin = JSON.stringify({
		...JSON.parse(inputs.document),
		secrets,
		hostSecrets: { ...hostSecrets, ...inputs.hostValues },
	});
	const { hostname } = inputs;
	const result = await onHost(context, inputs.address, (session) =>
		session.run({
			command,
			stdin,
			deadline: deliverMilliseconds,
			doing: "delivering secrets, files and versions",
		}),
	);
	if (result.code !== 0)
		throw new ProviderError(
			"delivery_failed",
			redact(
				messages.deliveryFailed(
					hostname,
					result.code,
					lastLines(result.stderr),
				),
				[...Object.values(secrets), ...Object.values(hostSecrets)],
			),
		);
	const { kept } = parseAnswer(hostname, command, result.stdout, answerSchema);
	for (const path of kept) context.report.warn(messages.deliveryKept(path));
	return { ...inputs, deliveryId: idOf(inputs) };
}

/** @throws ProviderError `secret_missing` naming the item */
async function readAll(
	store: SecretStore,
	references: References,
): Promise<Record<string, string>> {
	const values = Object.entries(references).map(
		async ([name, { vaultId, itemId, title }]) => {
			const value = await store.value(vaultId, itemId);
			if (value === "")
				throw new ProviderError("secret_missing", messages.secretEmpty(title));
			return [name, value] as const;
		},
	);
	return Object.fromEntries(await Promise.all(values));
}

/** Made from versions of secrets. The values in it cannot be guessed from it, because the host's random bucket key is one of them. */
function idOf({
	generation,
	document,
	secrets,
	hostSecrets,
	hostValues,
}: Inputs<Shape>): string {
	return createHash("sha256")
		.update(
			JSON.stringify([generation, document, secrets, hostSecrets, hostValues]),
		)
		.digest("hex");
}
