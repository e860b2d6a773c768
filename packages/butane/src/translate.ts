import { dataUrl } from "./dataUrl.ts";
import { messages } from "./errors.ts";
import type { FileSource } from "./files.ts";
import { looksDecimal } from "./mode.ts";
import { positionOf } from "./positions.ts";
import { type Path, Report } from "./report.ts";
import type { Fcos, Resource } from "./schema.ts";
import { type Ignition, validate } from "./validate.ts";

export type TranslateOptions = {
	/** Where `local:` paths are read from; without it they are errors. */
	files?: FileSource;
	/** Warnings stop the translation too. Default false. */
	strict?: boolean;
	/** Gzip inline and local contents where that is shorter, as the reference does. Default true. */
	compress?: boolean;
};

type Translation = { ignition: Ignition | null; report: Report };

/** Butane to Ignition. Never throws for a document of `parse` or of type Fcos; `ignition` is null if the report is fatal. */
export function translate(
	document: Fcos,
	options: TranslateOptions = {},
): Translation {
	const report = new Report();
	const translator = new Translator(document, options, report);
	const result = translator.run();
	const merge = (from: Report) => {
		for (const { severity, path, message } of from.problems) {
			const here = sourcePath(path, document);
			const position = positionOf(document, here);
			if (severity === "error") report.error(here, message, position);
			else report.warn(here, message, position);
		}
	};
	if (!report.fatal) merge(validate(result));
	const stop =
		report.fatal || (options.strict === true && report.problems.length > 0);
	return { ignition: stop ? null : result, report };
}

class Translator {
	readonly #document: Fcos;
	readonly #options: TranslateOptions;
	readonly #report: Report;

	constructor(document: Fcos, options: TranslateOptions, report: Report) {
		this.#document = document;
		this.#options = options;
		this.#report = report;
	}

	run(): Ignition {
		const { variant: _, version: __, ignition = {}, ...rest } = this.#document;
		const sections = (this.#value({ ignition, ...rest }, []) ?? {}) as Ignition;
		const { ignition: header, ...others } = sections;
		return { ignition: { ...header, version: "3.3.0" }, ...others };
	}

	/** Renames keys and drops what is empty; undefined if nothing is left. */
	#value(value: unknown, path: Path): unknown {
		if (Array.isArray(value))
			return value.length === 0
				? undefined
				: value.map((item, i) => this.#value(item, [...path, i]) ?? {});
		if (typeof value !== "object" || value === null) return value;
		const from = this.#sugar(value as Record<string, unknown>, path);
		const out: Record<string, unknown> = {};
		for (const [key, child] of Object.entries(from)) {
			const converted = this.#value(child, [...path, key]);
			if (converted !== undefined) out[camel(key)] = converted;
		}
		return Object.keys(out).length === 0 ? undefined : out;
	}

	/** What Butane adds to Ignition, by the place where it stands. */
	#sugar(value: Record<string, unknown>, path: Path): Record<string, unknown> {
		const place = path.filter((p) => typeof p === "string").join(".");
		if (resources.has(place)) return this.#resource(value as Resource, path);
		if (place === "systemd.units" || place === "systemd.units.dropins")
			return this.#unit(value, path);
		if (place === "storage.files" || place === "storage.directories")
			this.#mode(value.mode, place === "storage.directories", path);
		return value;
	}

	#resource(from: Resource, path: Path): Record<string, unknown> {
		const { inline, local, ...rest } = from;
		const given = (["local", "inline", "source"] as const).filter(
			(key) => from[key] !== undefined,
		);
		if (given.length > 1) {
			this.#error([...path, given.at(-1) ?? ""], messages.tooManySources);
			return rest;
		}
		const bytes =
			local !== undefined
				? this.#file(local, [...path, "local"])
				: inline !== undefined
					? Buffer.from(inline)
					: undefined;
		if (!bytes) return rest;
		const mayCompress = this.#options.compress ?? true;
		return { ...rest, ...dataUrl(bytes, rest.compression, mayCompress) };
	}

	#unit(from: Record<string, unknown>, path: Path): Record<string, unknown> {
		const { contents_local: local, ...rest } = from;
		if (typeof local !== "string") return rest;
		const here = [...path, "contents_local"];
		if (rest.contents !== undefined) {
			this.#error(here, messages.tooManyUnitSources);
			return rest;
		}
		const bytes = this.#file(local, here);
		return bytes
			? { ...rest, contents: new TextDecoder().decode(bytes) }
			: rest;
	}

	#mode(mode: unknown, directory: boolean, path: Path): void {
		const here = [...path, "mode"];
		if (typeof mode === "number" && looksDecimal(mode, directory))
			this.#report.warn(
				here,
				messages.decimalMode,
				positionOf(this.#document, here),
			);
	}

	#file(name: string, path: Path): Uint8Array | undefined {
		if (!this.#options.files) {
			this.#error(path, messages.noFiles);
			return undefined;
		}
		try {
			return this.#options.files.read(name);
		} catch (error) {
			const why = error instanceof Error ? error.message : String(error);
			this.#error(path, messages.unreadable(name, why));
			return undefined;
		}
	}

	#error(path: Path, message: string): void {
		this.#report.error(path, message, positionOf(this.#document, path));
	}
}

const resources = new Set([
	"ignition.config.merge",
	"ignition.config.replace",
	"ignition.security.tls.certificate_authorities",
	"storage.files.contents",
	"storage.files.append",
]);

const camel = (key: string): string =>
	key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const snake = (key: string): string =>
	key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The place in the Butane document that a place in the Ignition came from. */
function sourcePath(path: Path, document: Fcos): Path {
	const out = path.map((p) => (typeof p === "string" ? snake(p) : p));
	if (out.at(-1) !== "source" && out.at(-1) !== "contents") return out;
	const parent = out.slice(0, -1);
	for (const key of ["inline", "local", "contents_local"])
		if (has(document, [...parent, key])) return [...parent, key];
	return out;
}

function has(value: unknown, path: Path): boolean {
	let at: unknown = value;
	for (const key of path) {
		if (typeof at !== "object" || at === null || !Object.hasOwn(at, key))
			return false;
		at = (at as Record<string | number, unknown>)[key];
	}
	return true;
}
