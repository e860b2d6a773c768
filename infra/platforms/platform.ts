import type { Settings } from "../settings.ts";
import type { Values } from "../template.ts";

/** A secret that the host is given as a file. */
export type SecretSource =
	| {
			/** The setting that names the 1Password item of the operator's vault. */
			readonly from: "operator-vault";
			readonly item: keyof Settings & `${string}Item`;
	  }
	| {
			/** Made at random on the host, where it is absent; nobody else needs to know it. */
			readonly from: "host";
	  };

/** A file that travels with the delivery. */
export interface DeliveredFile {
	/** Where it lands on the host. */
	readonly path: string;
	/** The template, below the repository's root. */
	readonly template: string;
	/** `iac`: ours, replaced. `seed`: the agent's from the first day on; an edited one is never overwritten. */
	readonly owner: "iac" | "seed";
	/** Octal, as in `chmod`. */
	readonly mode: `0${string}`;
}

/** What runs on a host, as data. */
export interface Platform {
	/** Name of its folders: `quadlets/<id>`, `agent-config/<id>`, `butane/<id>.bu`. */
	readonly id: string;
	/** Memory that a plan must have, in MiB. */
	readonly memoryMiB: number;
	readonly secrets: Readonly<Record<string, SecretSource>>;
	readonly files: readonly DeliveredFile[];
	/** Images of its units, by name: a reference with a digest, or one that the host builds (builds.ts). */
	images(settings: Settings): Readonly<Record<string, string>>;
	/** Values for the placeholders of its delivered files. */
	values(settings: Settings): Readonly<Record<string, string>>;
	/** Names on the internet that it cannot do without: what stays open where the setting `egress` is a list. */
	readonly egress: readonly string[];
	/** The command on the host that admits a user to the agent. */
	readonly pairingCommand: string;
	/** Its units in the agent's service manager, the one that answers `healthUrl` first. */
	readonly units: readonly [string, ...string[]];
	/** Answers with success on the host once the agent works. */
	readonly healthUrl: string;
	/**
	 * Programs on the host: one prints the state of the agent's channels as JSON, one is behind `pairingCommand`, one
	 * prints the version of what was delivered.
	 */
	readonly programs: {
		readonly channels: string;
		readonly pairing: string;
		readonly version: string;
	};
	/**
	 * Folders below /var/lib/moltbot that are saved and restored, the platform's own first; `exclude` names folders in
	 * them that can be made again, `databases` the names of SQLite files (patterns of find).
	 */
	readonly state: {
		readonly folders: readonly string[];
		readonly exclude: readonly string[];
		readonly databases: readonly string[];
	};
}

/** Values of the placeholders of `quadlets/host/platform.env`, by which the host's scripts know the platform. */
export function platformValues(platform: Platform): Values {
	const { units, healthUrl, programs, state, secrets } = platform;
	return {
		platformUnits: units.join(" "),
		platformHealthUrl: healthUrl,
		platformChannels: programs.channels,
		platformPairing: programs.pairing,
		platformVersion: programs.version,
		platformHostSecrets: Object.entries(secrets)
			.filter(([, { from }]) => from === "host")
			.map(([name]) => name)
			.join(" "),
		platformState: state.folders.join(" "),
		platformStateExclude: state.exclude.join(" "),
		platformStateDatabases: state.databases.join(" "),
	};
}
