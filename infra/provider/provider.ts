/** The resource provider as the Pulumi SDK wants it: wire values in, checked values to the resources, wire values out. */
import type { Provider } from "@pulumi/pulumi/provider/index.js";
import type { z } from "zod";
import { type Environment, redact, secretVariables } from "./environment.ts";
import { HalfMadeError, ProviderError } from "./errors.ts";
import { messages } from "./messages.ts";
import type { Context, Resource } from "./resource.ts";
import {
	type ChangeRules,
	type Inputs,
	type Shape,
	type State,
	shapes,
	type TypeName,
} from "./shapes.ts";
import { same, secretTexts, type Unwrapped, unwrap, wrap } from "./wire.ts";

/** Gives the behaviour of a resource type; loads it when it is first needed. */
export type Behaviours = (type: TypeName) => Promise<Resource<Shape>>;

/** Everything the provider needs from outside. */
export interface Surroundings {
	readonly env: Environment;
	readonly behaviours: Behaviours;
	/** A fresh context for one operation. */
	context(urn: string): Promise<Context>;
	/** Ends all operations under way. */
	interrupt(): void;
}

/** Type name out of a URN: `urn:pulumi:<stack>::<project>::<parents>$moltbot:index:<Type>::<name>`. */
export function typeOf(urn: string): TypeName {
	const type = urn.split("::")[2]?.split("$").at(-1)?.split(":").at(-1) ?? "";
	if (isTypeName(type)) return type;
	throw new ProviderError("invalid_input", messages.unknownType(type));
}

function isTypeName(type: string): type is TypeName {
	return Object.hasOwn(shapes, type);
}

function shapeOf(type: TypeName): Shape {
	return shapes[type];
}

export function createProvider(around: Surroundings): Provider {
	/** Runs an operation; whatever it throws leaves without a secret in it. */
	async function guarded<T>(
		bags: readonly Unwrapped[],
		run: () => Promise<T>,
	): Promise<T> {
		try {
			return await run();
		} catch (error) {
			throw presentable(error, [
				...secretVariables.flatMap((name) => around.env[name]?.trim() ?? []),
				...bags.flatMap(secretTexts),
			]);
		}
	}

	return {
		version: "0.1.0",

		async check(urn, _olds, news) {
			const inputs = unwrap(news);
			return guarded([inputs], async () => {
				const type = typeOf(urn);
				checkInputs(type, inputs);
				return { inputs: rewrap(type, inputs.values, inputs) };
			});
		},

		async diff(id, urn, olds, news) {
			const state = unwrap(olds);
			const inputs = unwrap(news);
			return guarded([state, inputs], async () => {
				const type = typeOf(urn);
				const { changes } = shapeOf(type);
				const difference = compare(changes, state, inputs);
				const behaviour =
					difference.replaces.length === 0 &&
					inputs.unknowns.size === 0 &&
					typesThatAge.has(type)
						? await around.behaviours(type)
						: undefined;
				const outdated =
					(await behaviour?.outdated?.(
						await around.context(urn),
						id,
						parseState(type, state),
					)) ?? [];
				const replaces = [...difference.replaces, ...outdated];
				return {
					changes: replaces.length > 0 || difference.updates,
					replaces,
					deleteBeforeReplace: changes.deleteBeforeReplace ?? false,
				};
			});
		},

		async create(urn, news) {
			const inputs = unwrap(news);
			return guarded([inputs], async () => {
				const type = typeOf(urn);
				const behaviour = await around.behaviours(type);
				try {
					const { id, state } = await behaviour.create(
						await around.context(urn),
						parseInputs(type, inputs),
					);
					return { id, outs: rewrap(type, state, inputs) };
				} catch (error) {
					throw keptSecret(error, type, inputs);
				}
			});
		},

		async read(id, urn, props) {
			const old = unwrap(props ?? {});
			return guarded([old], async () => {
				const type = typeOf(urn);
				const { read } = await around.behaviours(type);
				if (!read) return { id, props };
				const state = await read(
					await around.context(urn),
					id,
					parseState(type, old),
				);
				return state
					? { id, props: rewrap(type, state, old) }
					: { id: "", props: {} };
			});
		},

		async update(id, urn, olds, news) {
			const state = unwrap(olds);
			const inputs = unwrap(news);
			return guarded([state, inputs], async () => {
				const type = typeOf(urn);
				const { update } = await around.behaviours(type);
				const old = parseState(type, state);
				const wanted = parseInputs(type, inputs);
				try {
					const outs = update
						? await update(await around.context(urn), id, old, wanted)
						: { ...old, ...wanted };
					return { outs: rewrap(type, outs, inputs, state) };
				} catch (error) {
					throw keptSecret(error, type, inputs, state);
				}
			});
		},

		async delete(id, urn, props) {
			const state = unwrap(props);
			return guarded([state], async () => {
				const type = typeOf(urn);
				const behaviour = await around.behaviours(type);
				await behaviour.delete?.(
					await around.context(urn),
					id,
					parseState(type, state),
				);
			});
		},

		async cancel() {
			around.interrupt();
		},
	};
}

/** Types whose `diff` has to look at the world, because they age without a change of input. */
const typesThatAge: ReadonlySet<TypeName> = new Set(["Generation"]);

/** Marks as secret what is declared so, and what arrived so. */
function rewrap(
	type: TypeName,
	values: Readonly<Record<string, unknown>>,
	...bags: readonly Unwrapped[]
): Record<string, unknown> {
	return wrap(values, [
		...shapeOf(type).secrets,
		...bags.flatMap(({ secrets }) => [...secrets]),
	]);
}

function keptSecret(
	error: unknown,
	type: TypeName,
	...bags: readonly Unwrapped[]
): unknown {
	return error instanceof HalfMadeError
		? error.withProperties(rewrap(type, error.properties, ...bags))
		: error;
}

function checkInputs(type: TypeName, inputs: Unwrapped): void {
	const { shape } = shapeOf(type).inputs;
	const allowed = Object.keys(shape);
	for (const key of Object.keys(inputs.values)) {
		if (!allowed.includes(key))
			throw new ProviderError(
				"invalid_input",
				messages.inputUnknown(type, key, allowed.join(", ")),
			);
	}
	for (const [key, schema] of Object.entries(shape)) {
		if (inputs.unknowns.has(key)) continue;
		const reason = fault(schema, inputs.values[key]);
		if (reason === undefined) continue;
		throw new ProviderError(
			"invalid_input",
			inputs.values[key] === undefined
				? messages.inputMissing(type, key)
				: messages.inputInvalid(type, key, reason),
		);
	}
}

/** What zod has against a value; its sentences never repeat the value itself. */
function fault(schema: z.core.$ZodType, value: unknown): string | undefined {
	const result = (schema as z.ZodType).safeParse(value);
	return result.success ? undefined : result.error.issues[0]?.message;
}

function parseInputs(type: TypeName, bag: Unwrapped): Inputs<Shape> {
	checkInputs(type, bag);
	return shapeOf(type).inputs.parse(bag.values);
}

function parseState(type: TypeName, bag: Unwrapped): State<Shape> {
	const { inputs, outputs } = shapeOf(type);
	const schema = inputs.extend(outputs.shape);
	const parsed = schema.safeParse(bag.values);
	if (parsed.success) return parsed.data;
	const issue = parsed.error.issues[0];
	throw new ProviderError(
		"invalid_input",
		messages.stateInvalid(
			type,
			String(issue?.path[0] ?? ""),
			issue?.message ?? "",
		),
	);
}

/** Which inputs replace, and whether any is changed in place. */
export function compare(
	rules: ChangeRules,
	state: Unwrapped,
	inputs: Unwrapped,
): { replaces: string[]; updates: boolean } {
	const changed = (key: string) =>
		!same(
			state.values[key],
			inputs.values[key],
			rules.sets?.includes(key) ?? false,
		);
	const changedOrUnknown = (key: string) =>
		inputs.unknowns.has(key) || changed(key);
	const changedForSure = (key: string) =>
		!inputs.unknowns.has(key) && changed(key);
	return {
		replaces: [
			...rules.replace.filter(changedOrUnknown),
			...(rules.replaceWhenKnown ?? []).filter(changedForSure),
		],
		updates: (rules.update ?? []).some(changedOrUnknown),
	};
}

/** An error as the operator may see it: without secrets, without a stack. */
function presentable(error: unknown, secrets: readonly string[]): unknown {
	if (!(error instanceof Error)) return new Error("unknown error");
	error.message = redact(error.message, secrets);
	if (error instanceof HalfMadeError)
		error.reasons = error.reasons.map((reason) => redact(reason, secrets));
	return error;
}
