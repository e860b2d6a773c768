// Values on the wire between engine and plugin: secrets travel wrapped, at any depth.

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** Properties of a resource or arguments of a function, as plain JSON. */
export type Properties = Record<string, unknown>;

/** Marks a value as secret for the engine. */
export function secret(value: unknown): Properties {
	return { [signatureKey]: secretSignature, value };
}

/** The value without its wrappers. */
export function unwrap(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(unwrap);
	if (typeof value !== "object" || value === null) return value;
	if (signatureKey in value && "value" in value) return unwrap(value.value);
	return Object.fromEntries(
		Object.entries(value).map(([key, inner]) => [key, unwrap(inner)]),
	);
}

/** The properties without their wrappers. */
export function plain(properties: Properties): Properties {
	return unwrap(properties) as Properties;
}

/** Without `undefined`, which the engine's encoding refuses. */
export function defined(properties: Properties): Properties {
	return JSON.parse(JSON.stringify(properties)) as Properties;
}

/** Names of the properties in which two sets differ. */
export function changed(
	olds: Properties,
	news: Properties,
	names: readonly string[],
): string[] {
	return names.filter(
		(name) =>
			JSON.stringify(olds[name] ?? null) !== JSON.stringify(news[name] ?? null),
	);
}
