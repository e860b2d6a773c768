import { bootDevice, grub } from "./bootDevice.ts";
import { checkSource } from "./checkSource.ts";
import { dataUrl, plainDataUrl } from "./dataUrl.ts";
import { messages } from "./errors.ts";
import type { FileSource } from "./files.ts";
import { type Fields, from, isFields, merge, originOf } from "./merge.ts";
import { mountUnits } from "./mountUnits.ts";
import { partitionWarnings } from "./partitions.ts";
import { positionOf } from "./positions.ts";
import { type Path, Report } from "./report.ts";
import type { Fcos, Resource } from "./schema.ts";
import { addTrees } from "./trees.ts";
import { type Ignition, validate } from "./validate.ts";
import { minor, versions } from "./versions.ts";

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
	checkSource(document, report, (path) => positionOf(document, path));
	if (report.fatal) return { ignition: null, report };
	const result = new Translator(document, options, report).run();
	const add = (problems: Report) => {
		for (const { severity, path, message } of problems.problems) {
			const here = sourcePath(
				originOf(result, path, snake) ??
					path.map((p) => (typeof p === "string" ? snake(p) : p)),
				document,
			);
			report.add(severity, here, message, positionOf(document, here), path);
		}
	};
	if (!report.fatal) {
		add(partitionWarnings(result, document.version));
		add(validate(result));
	}
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
		const { variant: _, version, ...sections } = this.#document;
		const { boot_device: __, grub: ___, ...plain } = sections;
		let out = merge(
			mountUnits(this.#document),
			(this.#value(plain, [], "") ?? {}) as Fields,
		);
		const storage = isFields(out.storage) ? { ...out.storage } : {};
		addTrees(
			this.#document,
			storage,
			this.#options.files,
			(bytes, given) => this.#encode(bytes, given),
			(path, message) => this.#error(path, message),
		);
		if (Object.keys(storage).length > 0) out = { ...out, storage };
		const encode = (bytes: Uint8Array) => this.#encode(bytes, undefined);
		out = merge(bootDevice(this.#document) ?? {}, out);
		out = merge(grub(this.#document, encode) ?? {}, out);
		const header = isFields(out.ignition) ? out.ignition : {};
		return { ...out, ignition: { ...header, version: versions[version] } };
	}

	/** Renames keys and drops what is empty; undefined if nothing is left. `place` is the path without list positions. */
	#value(value: unknown, path: Path, place: string): unknown {
		if (Array.isArray(value))
			return value.length === 0
				? undefined
				: value.map((item, i) => this.#value(item, [...path, i], place) ?? {});
		if (typeof value !== "object" || value === null) return value;
		const source = this.#sugar(value as Fields, path, place);
		const out: Fields = from(path, {});
		if (named.has(place) && typeof path.at(-1) === "number") out.name = "";
		if (
			place === "storage.links" &&
			typeof path.at(-1) === "number" &&
			minor(this.#document.version) < 4
		)
			out.target = "";
		for (const [key, child] of Object.entries(source)) {
			const inner = place ? `${place}.${key}` : key;
			if (butaneOnly.has(inner)) continue;
			const converted = this.#value(child, [...path, key], inner);
			if (converted !== undefined) out[camel(key)] = converted;
		}
		// Ignition 3.0.0 writes the source of another configuration even where there is none.
		const replaces =
			place === "ignition.config.replace" && Object.keys(out).length > 0;
		if (
			(place === "ignition.config.merge" || replaces) &&
			minor(this.#document.version) === 0
		)
			out.source ??= null;
		// What Ignition writes without a pointer: its zero value is the same as absence.
		if (place === "storage.disks.partitions" && out.number === 0)
			delete out.number;
		if (place.endsWith(".tang") && out.url === "") delete out.url;
		// Ignition 3.2.0 writes these two even when they say nothing.
		if (minor(this.#document.version) < 4) {
			if (place === "storage.luks.clevis") return out;
			if (place === "storage.luks.clevis.custom")
				return Object.assign(out, { config: "", pin: "", ...out });
		}
		return Object.keys(out).length === 0 ? undefined : out;
	}

	/** What Butane adds to Ignition, by the place where it stands. */
	#sugar(value: Fields, path: Path, place: string): Fields {
		if (resources.has(place)) return this.#resource(value as Resource, path);
		if (place === "systemd.units" || place === "systemd.units.dropins")
			return this.#unit(value, path);
		if (place === "passwd.users") return this.#user(value, path);
		return value;
	}

	#resource({ inline, local, ...rest }: Resource, path: Path): Fields {
		const bytes =
			local !== undefined
				? this.#file(local, [...path, "local"])
				: inline !== undefined
					? Buffer.from(inline)
					: undefined;
		return bytes
			? { ...rest, ...this.#encode(bytes, rest.compression) }
			: { ...rest };
	}

	#encode(bytes: Uint8Array, compression: string | undefined): Fields {
		if (minor(this.#document.version) === 0) return plainDataUrl(bytes);
		return dataUrl(bytes, compression, this.#options.compress ?? true);
	}

	#unit({ contents_local: local, ...rest }: Fields, path: Path): Fields {
		if (typeof local !== "string" || local === "") return rest;
		const bytes = this.#file(local, [...path, "contents_local"]);
		return bytes
			? { ...rest, contents: new TextDecoder().decode(bytes) }
			: rest;
	}

	#user(user: Fields, path: Path): Fields {
		const { ssh_authorized_keys_local: files, ...rest } = user;
		if (!Array.isArray(files) || files.length === 0) return rest;
		const here = [...path, "ssh_authorized_keys_local"];
		const keys = Array.isArray(rest.ssh_authorized_keys)
			? [...rest.ssh_authorized_keys]
			: [];
		if (!this.#options.files) {
			this.#error(here, messages.noFiles);
			return rest;
		}
		const origins: number[] = [];
		keyFiles.set(user, origins);
		for (const [i, name] of files.entries()) {
			const bytes = this.#file(String(name), [...here, i]);
			const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
			for (const line of lines)
				if (line !== "") {
					keys.push(line);
					origins.push(i);
				}
		}
		return { ...rest, ssh_authorized_keys: keys };
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
	"storage.luks.key_file",
]);

/* Keys that exist in Butane only. */
const butaneOnly = new Set([
	"storage.trees",
	"storage.filesystems.with_mount_unit",
]);

/* Entries whose name Ignition always writes, even an empty one. */
const named = new Set([
	"passwd.users",
	"passwd.groups",
	"storage.luks",
	"storage.raid",
]);

const camel = (key: string): string =>
	key
		.replace(/_mib$/, "MiB")
		.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

const snake = (key: string): string =>
	key.replace(/MiB|[A-Z]/g, (part) => `_${part.toLowerCase()}`);

/* For a user of a document: which of the files each key came from that was read from one. */
const keyFiles = new WeakMap<object, number[]>();

/** Where a text of the output was written that has another name in the document. */
function sourcePath(out: Path, document: Fcos): Path {
	if (out[2] !== undefined && out[3] === "ssh_authorized_keys") {
		const user = document.passwd?.users?.[Number(out[2])];
		const own = user?.ssh_authorized_keys?.length ?? 0;
		const file = user && keyFiles.get(user)?.[Number(out[4]) - own];
		return file === undefined
			? out
			: [...out.slice(0, 3), "ssh_authorized_keys_local", file];
	}
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
