import { flushCompileCache } from "node:module";
import { main } from "@pulumi/pulumi/provider/index.js";
import type { Provider } from "@pulumi/pulumi/provider/provider.js";
import { changed, defined, type Properties, plain } from "./values.ts";

/** Outputs of a resource beside its inputs. */
export interface Made {
	id: string;
	outputs: Properties;
}

/** One resource type. It sees values without secret wrappers; the wrappers of its inputs are kept by `providerOf`. */
export interface ResourceType {
	/** Inputs that it compares. */
	readonly inputs: readonly string[];
	/** Those among them that the cloud fills in where they are not given; compared only where they are. */
	readonly filledIn?: readonly string[];
	/** Those among them whose change replaces the resource. */
	readonly replaceOn: readonly string[];
	/** Input values that it fills in. */
	readonly defaults?: Properties;
	/** Another reason to replace it, by its outputs. */
	replaceBy?(olds: Properties): string | undefined;
	create(inputs: Properties): Promise<Made>;
	/** `undefined`: it is gone. */
	read(id: string, olds: Properties): Promise<Properties | undefined>;
	update(id: string, olds: Properties, news: Properties): Promise<Properties>;
	delete(id: string, olds: Properties): Promise<void>;
}

/** What a stand-in plugin is: the part of the real plugin's interface that a program here can use. */
export interface Plugin {
	readonly name: string;
	/** Version of the real plugin whose behaviour it has. */
	readonly version: string;
	readonly resources?: Record<string, ResourceType>;
	readonly functions?: Record<
		string,
		(args: Properties) => Promise<Properties>
	>;
}

/** The methods of Pulumi's provider interface that a stand-in has. */
export type Served = Required<
	Pick<
		Provider,
		"check" | "diff" | "create" | "read" | "update" | "delete" | "invoke"
	>
> &
	Provider;

/** The plugin in the terms of Pulumi's provider interface. */
export function providerOf(plugin: Plugin): Served {
	const typeOf = (urn: string): ResourceType => {
		const token = urn.split("::")[2]?.split("$").at(-1) ?? "";
		const type = plugin.resources?.[token];
		if (!type)
			throw new Error(
				`The lab's plugin ${plugin.name} has no resource ${token}; lab/plugins/${plugin.name} is where it would be.`,
			);
		return type;
	};
	return {
		version: plugin.version,
		schema: "{}",
		async check(urn, _olds, news: Properties) {
			return { inputs: { ...typeOf(urn).defaults, ...news } };
		},
		async diff(_id, urn, olds: Properties, news: Properties) {
			const type = typeOf(urn);
			const [before, after] = [plain(olds), plain(news)];
			const compared = type.inputs.filter(
				(name) => name in after || !type.filledIn?.includes(name),
			);
			const replaces = changed(before, after, type.replaceOn);
			const other = type.replaceBy?.({ ...before, ...after });
			if (other) replaces.push(other);
			const changes =
				replaces.length > 0 || changed(before, after, compared).length > 0;
			return { changes, replaces, deleteBeforeReplace: false };
		},
		async create(urn, inputs: Properties) {
			const { id, outputs } = await typeOf(urn).create(plain(inputs));
			return { id, outs: defined({ ...inputs, ...outputs }) };
		},
		async read(id, urn, props: Properties) {
			const outputs = await typeOf(urn).read(id, plain(props));
			return outputs
				? { id, props: defined({ ...props, ...outputs }) }
				: { id: "", props: {} };
		},
		async update(id, urn, olds: Properties, news: Properties) {
			const outputs = await typeOf(urn).update(id, plain(olds), plain(news));
			const kept = Object.fromEntries(
				Object.entries(olds).filter(
					([key]) => !typeOf(urn).inputs.includes(key),
				),
			);
			return { outs: defined({ ...kept, ...news, ...outputs }) };
		},
		async delete(id, urn, props: Properties) {
			await typeOf(urn).delete(id, plain(props));
		},
		async invoke(token, args: Properties) {
			const call = plugin.functions?.[token];
			if (!call)
				throw new Error(
					`The lab's plugin ${plugin.name} has no function ${token}.`,
				);
			return { outputs: defined(await call(plain(args))) };
		},
	};
}

/** Serves the plugin to the engine; the engine ends the process. */
export async function serve(plugin: Plugin): Promise<void> {
	await main(providerOf(plugin), process.argv.slice(2));
	// The engine kills its plugins, so Node would never come to write its cache.
	flushCompileCache();
}

/** A setting of the plugin: stack configuration first, then the environment; nothing is kept. */
export function setting(
	config: string,
	...variables: string[]
): string | undefined {
	const stack = JSON.parse(process.env.PULUMI_CONFIG || "{}") as Properties;
	const value = stack[config];
	if (typeof value === "string" && value) return value;
	for (const name of variables) if (process.env[name]) return process.env[name];
	return undefined;
}
