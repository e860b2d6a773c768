// Which requests of the gateway the engine of the agent's uid gets: those of OpenClaw for its sandboxes, as recorded, and no other.
// What is not known here is refused; a new version of OpenClaw or Podman that asks for more is told by the journal.
import { isDeepStrictEqual } from "node:util";

/** What OpenClaw's sandboxes are known by: on the host, in `podman ps`, and here. */
export const sandboxLabel = "openclaw.sandbox";

/** The most that a sandbox may have; the same as in the agent's configuration. */
export const limits = { memory: 1 << 30, cpus: 1, pids: 256 };

/** A request that is refused: why, in one sentence for the journal and the gateway. */
export class Refused extends Error {
	readonly code = "engine-request-refused";
}

type Json = Record<string, unknown>;

/** What a new sandbox must say of itself, word for word. */
const required: Json = {
	user: "2001:2001",
	cap_drop: ["ALL"],
	no_new_privileges: true,
	read_only_filesystem: true,
	userns: { nsmode: "keep-id", value: "uid=2001,gid=2001" },
	netns: { nsmode: "bridge" },
};
/** What it may say, and then only this. */
const harmless: Json = {
	privileged: false,
	env_host: false,
	httpproxy: false,
	terminal: false,
	stdin: false,
	remove: false,
	volatile: false,
	unsetenvall: false,
	manage_password: true,
	init: true,
	init_container_type: "",
	image_volume_mode: "anonymous",
	log_configuration: {},
	systemd: "true",
	sdnotifyMode: "container",
	seccomp_policy: "default",
	pidns: {},
	utsns: {},
	ipcns: {},
	cgroupns: {},
	read_write_tmpfs: true,
	umask: "0022",
	publish_image_ports: false,
	Networks: { default: { interface_name: "" } },
	use_image_resolve_conf: false,
	use_image_hostname: false,
	use_image_hosts: false,
	healthconfig: {},
	healthLogDestination: "local",
	healthMaxLogCount: 5,
	healthMaxLogSize: 500,
	idmappings: {
		HostUIDMapping: false,
		HostGIDMapping: false,
		UIDMap: null,
		GIDMap: null,
		AutoUserNs: false,
		AutoUserNsOpts: {
			Size: 0,
			InitialSize: 0,
			PasswdFile: "",
			GroupFile: "",
			AdditionalUIDMappings: null,
			AdditionalGIDMappings: null,
		},
	},
};

/**
 * What the engine is told in the place of that: OpenClaw asks for the mapping that gives an ordinary user's files to him. Here they belong to
 * uid 2001 of the engine's own mapping, which also spares a copy of the image with other owners.
 */
const ours: Json = {
	userns: { nsmode: "host" },
	idmappings: { HostUIDMapping: true, HostGIDMapping: true },
};

const isText = (value: unknown) => typeof value === "string";
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isObject = (value: unknown): value is Json =>
	typeof value === "object" && value !== null && !Array.isArray(value);
const every = (
	value: unknown,
	holds: (key: string, entry: unknown) => boolean,
) =>
	isObject(value) &&
	Object.entries(value).every(([key, entry]) => holds(key, entry));
const digest = /^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$/;
/** By digest, or built on this host under a name that its content makes. */
const pinned = new RegExp(
	`${digest.source}|^localhost/moltbot-[a-z]+:[0-9a-f]{12}$`,
);
const upTo = (most: number) => (value: unknown) =>
	typeof value === "number" && value > 0 && value <= most;

/** What is the gateway's to choose. */
const free: Record<string, (value: unknown) => boolean> = {
	name: (value) => /^openclaw-sbx-[a-z0-9-]+$/.test(String(value)),
	image: (value) => pinned.test(String(value)),
	raw_image_name: (value) => pinned.test(String(value)),
	command: isTexts,
	containerCreateCommand: isTexts,
	work_dir: isText,
	env: (value) => every(value, (_, entry) => isText(entry)),
	stop_timeout: upTo(60),
	labels: (value) =>
		every(
			value,
			(key, entry) => key.startsWith("openclaw.") && isText(entry),
		) && (value as Json)[sandboxLabel] === "1",
	annotations: (value) =>
		every(value, (key) =>
			/^io\.podman\.annotations\.(userns|pids-limit)$/.test(key),
		),
	resource_limits: (value) => {
		if (!every(value, (key) => /^(memory|cpu|pids)$/.test(key))) return false;
		const { memory, cpu, pids } = value as Record<string, Json | undefined>;
		return (
			every(memory, (key) => key === "limit" || key === "swap") &&
			upTo(limits.memory)(memory?.limit) &&
			(memory?.swap === undefined || upTo(2 * limits.memory)(memory.swap)) &&
			every(cpu, (key) => key === "quota" || key === "period") &&
			upTo(limits.cpus)(Number(cpu?.quota) / Number(cpu?.period)) &&
			every(pids, (key) => key === "limit") &&
			upTo(limits.pids)(pids?.limit)
		);
	},
};
const mandatory = ["name", "image", "labels", "resource_limits", "mounts"];

interface Mount {
	readonly destination: string;
	readonly type: string;
	readonly source: string;
	readonly options?: readonly string[];
}

const data = "/var/lib/moltbot";
/** Folders that may be mounted as they are: nobody but root can put a link in their place. */
const whole: Record<string, { at: string; readOnly: boolean }> = {
	[`${data}/workspace`]: { at: "/workspace", readOnly: false },
	[`${data}/projects`]: { at: `${data}/projects`, readOnly: false },
	[`${data}/sandbox-secrets`]: { at: "/run/secrets", readOnly: true },
};
/**
 * Parts of the agent's own folders, read-only. In the place of one the gateway could put a link to the engine's socket after it was
 * judged; so the engine is told volume and path below it, and follows no link out of a volume.
 */
const parts: readonly [RegExp, volume: string, at: (path: string) => string][] =
	[
		[
			/^\/var\/lib\/moltbot\/workspace\/((?:[\w-][\w.-]*\/?)+)$/,
			"moltbot-workspace",
			(path) => `/workspace/${path}`,
		],
		[
			/^\/var\/lib\/moltbot\/state\/(sandbox\/skills-workspaces\/[\w-]+\/\.openclaw\/sandbox-skills\/skills)$/,
			"moltbot-state",
			() => "/workspace/.openclaw/sandbox-skills/skills",
		],
	];

function isTmpfs({ type, destination, source, options }: Mount): boolean {
	return (
		type === "tmpfs" &&
		source === "tmpfs" &&
		/^\/(var\/)?tmp$/.test(destination) &&
		options === undefined
	);
}

/** The request for a new sandbox as the engine gets it; throws `Refused`. */
export function judgedCreate(body: unknown): Json {
	if (!isObject(body)) throw new Refused("create: no object");
	for (const key of [...Object.keys(required), ...mandatory])
		if (!Object.hasOwn(body, key))
			throw new Refused(`create: ${key} is missing`);
	const mounts: Mount[] = [];
	const volumes: Json[] = [];
	for (const [key, value] of Object.entries(body)) {
		if (key === "mounts") continue;
		const only = required[key] ?? harmless[key];
		const fits =
			only === undefined
				? Object.hasOwn(free, key) && free[key]?.(value)
				: isDeepStrictEqual(value, only);
		if (!fits)
			throw new Refused(`create: ${key} may not be ${JSON.stringify(value)}`);
	}
	if (!Array.isArray(body.mounts))
		throw new Refused("create: mounts is no list");
	for (const mount of body.mounts as Mount[]) {
		const volume = judgedMount(mount);
		if (volume === undefined) mounts.push(mount);
		else volumes.push(volume);
	}
	return { ...body, ...ours, mounts, volumes };
}

/** The volume in whose place the mount comes; undefined where it stays; throws `Refused`. */
function judgedMount(mount: Mount): Json | undefined {
	const { type, source, destination, options = [] } = mount;
	const refused = new Refused(`create: may not mount ${JSON.stringify(mount)}`);
	if (
		Object.keys(mount).some(
			(key) => !["type", "source", "destination", "options"].includes(key),
		)
	)
		throw refused;
	if (isTmpfs(mount)) return undefined;
	const readOnly = options.includes("ro");
	if (
		type !== "bind" ||
		options.some((option) => !["ro", "rw", "z"].includes(option))
	)
		throw refused;
	const known = Object.hasOwn(whole, source) ? whole[source] : undefined;
	if (known !== undefined) {
		if (destination === known.at && (readOnly || !known.readOnly))
			return undefined;
		throw refused;
	}
	for (const [pattern, volume, at] of parts) {
		const path = pattern.exec(source)?.[1];
		if (
			path !== undefined &&
			readOnly &&
			destination === at(path) &&
			!path.includes("..")
		)
			return {
				Name: volume,
				Dest: destination,
				Options: ["ro"],
				SubPath: path,
			};
	}
	throw refused;
}

/** A command in a sandbox has the sandbox's rights; throws `Refused`. */
export function judgedExec(body: unknown): Json {
	const known = [
		"User",
		"Privileged",
		"Tty",
		"AttachStdin",
		"AttachStderr",
		"AttachStdout",
		"DetachKeys",
		"Env",
		"WorkingDir",
		"Cmd",
		"Detach",
	];
	if (
		!every(body, (key) => known.includes(key)) ||
		!isObject(body) ||
		(body.Privileged ?? false) !== false ||
		!["", "2001", "2001:2001"].includes(String(body.User ?? ""))
	)
		throw new Refused(`exec: may not be ${JSON.stringify(body)}`);
	return body;
}

/** What must be known of a request before it is forwarded. */
export type Route =
	| { readonly kind: "open" }
	| { readonly kind: "create" }
	/** Whether an image of the host's choice is there. */
	| { readonly kind: "image"; readonly reference: string }
	/** Of a container: its reference, and what comes after it. */
	| {
			readonly kind: "container";
			readonly reference: string;
			readonly rest: string;
	  }
	| { readonly kind: "exec"; readonly session: string; readonly rest: string };

const open: readonly RegExp[] = [
	/^GET (_ping|info|version|containers\/json)$/,
	/^HEAD _ping$/,
	/^GET images\/[^/]+(\/[^/]+)*\/(json|exists)$/,
	// What `podman inspect` looks through when there is no such sandbox.
	/^GET (volumes|networks|pods|artifacts)\/openclaw-sbx-[a-z0-9-]+\/json$/,
];
const ofContainer =
	/^(GET containers\/[^/]+\/(json|exists|logs)|POST containers\/[^/]+\/(start|stop|kill|wait|exec)|DELETE containers\/[^/]+)$/;
const ofExec =
	/^(GET exec\/[0-9a-f]{64}\/json|POST exec\/[0-9a-f]{64}\/(start|resize|remove))$/;

/** Judges method and path (without the version of the API) and query; throws `Refused`. */
export function routeOf(
	method: string,
	path: string,
	query: URLSearchParams,
): Route {
	const request = `${method} ${path}`;
	const image = decodeURIComponent(
		/^GET images\/(.+)\/(?:json|exists)$/.exec(request)?.[1] ?? "",
	);
	if (pinned.test(image)) return { kind: "image", reference: image };
	if (open.some((pattern) => pattern.test(request))) return { kind: "open" };
	if (request === "POST containers/create") return { kind: "create" };
	// Only where it is missing, and then the host's policy decides.
	if (
		request === "POST images/pull" &&
		query.get("policy") === "missing" &&
		pinned.test(query.get("reference") ?? "")
	)
		return { kind: "open" };
	const [, part = "", ...rest] = path.split("/");
	if (ofContainer.test(request)) {
		if (query.get("depend") === "true")
			throw new Refused(`${request}: not with those that depend on it`);
		return {
			kind: "container",
			reference: decodeURIComponent(part),
			rest: rest.join("/"),
		};
	}
	if (ofExec.test(request))
		return { kind: "exec", session: part, rest: rest.join("/") };
	throw new Refused(`${request}: not one of the requests for sandboxes`);
}
