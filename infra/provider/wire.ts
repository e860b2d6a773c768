/**
 * Property values as the engine sends them to this plugin: secrets as wrapper objects, values that are not yet known as
 * marker strings (facts of the Pulumi protocol, sdk/go/common/resource/plugin/rpc.go).
 */
import { isDeepStrictEqual } from "node:util";

const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

const unknownMarkers = new Set<unknown>([
	"04da6b54-80e4-46f7-96ec-b56ff0331ba9",
	"1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
	"3eeb2bf0-c639-47a8-9e75-3b44932eb421",
	"6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
	"dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** A property bag on the wire. */
export type Wire = Readonly<Record<string, unknown>>;

/** A property bag in clear, and what was hidden in it. */
export interface Unwrapped {
	readonly values: Record<string, unknown>;
	/** Top-level properties that are, or contain, a secret. */
	readonly secrets: ReadonlySet<string>;
	/** Top-level properties that are, or contain, a value not yet known. */
	readonly unknowns: ReadonlySet<string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Takes all wrappers off. Absent values (`null`) are left out. */
export function unwrap(bag: Wire): Unwrapped {
	const values: Record<string, unknown> = {};
	const secrets = new Set<string>();
	const unknowns = new Set<string>();
	for (const [key, raw] of Object.entries(bag)) {
		const found = { secret: false, unknown: false };
		const value = clear(raw, found);
		if (found.secret) secrets.add(key);
		if (found.unknown) unknowns.add(key);
		if (value !== null && value !== undefined) values[key] = value;
	}
	return { values, secrets, unknowns };
}

function clear(
	value: unknown,
	found: { secret: boolean; unknown: boolean },
): unknown {
	if (unknownMarkers.has(value)) found.unknown = true;
	if (Array.isArray(value)) return value.map((item) => clear(item, found));
	if (!isRecord(value)) return value;
	if (value[signature] === secretSignature) {
		found.secret = true;
		return clear(value.value, found);
	}
	if (value[signature] === outputSignature) {
		if (value.secret === true) found.secret = true;
		if (!("value" in value)) found.unknown = true;
		return clear(value.value, found);
	}
	return Object.fromEntries(
		Object.entries(value)
			.filter(([, item]) => item !== undefined)
			.map(([key, item]) => [key, clear(item, found)]),
	);
}

/** Marks these properties as secret again and leaves out what is undefined, which the protocol cannot carry. */
export function wrap(
	values: Readonly<Record<string, unknown>>,
	secrets: Iterable<string>,
): Record<string, unknown> {
	const hidden = new Set(secrets);
	return Object.fromEntries(
		Object.entries(values)
			.filter(([, value]) => value !== undefined)
			.map(([key, value]) => [
				key,
				hidden.has(key)
					? { [signature]: secretSignature, value: stripped(value) }
					: stripped(value),
			]),
	);
}

function stripped(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(stripped);
	if (!isRecord(value)) return value;
	return Object.fromEntries(
		Object.entries(value)
			.filter(([, item]) => item !== undefined)
			.map(([key, item]) => [key, stripped(item)]),
	);
}

/** All texts in the secret properties of a bag, for keeping them out of messages. */
export function secretTexts({ values, secrets }: Unwrapped): string[] {
	const texts: string[] = [];
	const collect = (value: unknown): void => {
		if (typeof value === "string") texts.push(value);
		else if (Array.isArray(value)) value.forEach(collect);
		else if (isRecord(value)) Object.values(value).forEach(collect);
	};
	for (const key of secrets) collect(values[key]);
	return texts;
}

/** Whether two values mean the same; `asSet` disregards order and repetition of a list. */
export function same(left: unknown, right: unknown, asSet = false): boolean {
	if (asSet && Array.isArray(left) && Array.isArray(right))
		return isDeepStrictEqual(new Set(left), new Set(right));
	return isDeepStrictEqual(left ?? undefined, right ?? undefined);
}
