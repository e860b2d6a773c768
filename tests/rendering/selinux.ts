// What SELinux would refuse on a real host, found in the rendered tree. No test of this repository runs with SELinux, so
// each rule stands for a denial that would be seen first in production.
import { type Tree, type TreeFile, valuesOf } from "./tree.ts";

/** One thing that SELinux forbids. */
export interface Rule {
	readonly name: string;
	/** Why it would fail on a host. */
	readonly reason: string;
	/** Faults, each naming path and line. */
	readonly check: (tree: Tree) => string[];
}

const unit = ({ path }: TreeFile) =>
	/\.(service|timer|socket|path|container|image)$/.test(path);
const container = ({ path }: TreeFile) => path.endsWith(".container");
const script = ({ text }: TreeFile) => text.startsWith("#!");
const library = ({ path }: TreeFile) => path.endsWith(".sh");

/** Volumes of a container that bind a path of the host: its path, and the options after the second colon. */
function binds(file: TreeFile) {
	return valuesOf(file.text, "Volume")
		.map((value) => value.split(":"))
		.filter(([source = ""]) => /^[/%]/.test(source))
		.map(([source = "", , options = ""]) => ({
			source,
			options: options.split(","),
		}));
}
/** A socket of the user's session, or the folder of one. */
const isSocket = (path: string) => /(\.sock|^%t\/moltbot-engine)$/.test(path);
/** The agent's data, which gateway, sandboxes and scripts of the host share. */
const isShared = (path: string) =>
	/^\/var\/lib\/moltbot\/(home|state|workspace|projects)$/.test(path);

const each = (
	files: readonly TreeFile[],
	filter: (file: TreeFile) => boolean,
	faults: (file: TreeFile) => string[],
) =>
	files
		.filter(filter)
		.flatMap((file) => faults(file).map((fault) => `${file.path}: ${fault}`));

export const rules: readonly Rule[] = [
	{
		name: "executables in /usr/local",
		reason:
			"only files there get bin_t when Ignition labels them; init_t may not execute etc_t or var_lib_t",
		check: ({ files }) =>
			each(
				files,
				({ mode, path }) =>
					(mode & 0o111) !== 0 && !/^\/usr\/local\/(bin|libexec)\//.test(path),
				({ mode }) => [`is executable (${mode.toString(8)})`],
			),
	},
	{
		name: "services start programs with a label for it",
		reason:
			"a service that executes something below /etc, /var, /run, /tmp or a home is denied by init_t",
		check: ({ files }) =>
			each(files, unit, ({ text }) =>
				text
					.split("\n")
					.filter((line) =>
						/^Exec\w+=[-+!@:]*\/(etc|var|run|tmp|home|root)\//.test(line),
					),
			),
	},
	{
		name: "shared folders are :z",
		reason:
			"without it container_t may not read them; with :Z the last container to start takes them from the others, as OpenClaw mounts them into its sandboxes with :z",
		check: ({ files }) =>
			each(files, container, (file) =>
				binds(file)
					.filter(({ source, options }) =>
						isShared(source) ? !options.includes("z") : options.includes("Z"),
					)
					.map(({ source }) => `Volume=${source}`),
			),
	},
	{
		name: "what belongs to the host is not relabelled",
		reason:
			"z or Z on /etc, /usr, /run or a socket gives it container_file_t, and the services of the host lose it",
		check: ({ files }) =>
			each(files, container, (file) =>
				binds(file)
					.filter(
						({ source, options }) =>
							/^(\/(etc|usr|run|dev|proc|sys)\/|%t)/.test(source) &&
							options.some((option) => /^[zZ]$/.test(option)),
					)
					.map(({ source }) => `Volume=${source}`),
			),
	},
	{
		name: "a mounted socket needs the label off",
		reason: "container_t may not connect to a socket of the user's session",
		check: ({ files }) =>
			each(
				files,
				(file) =>
					container(file) &&
					binds(file).some(({ source }) => isSocket(source)) &&
					!file.text.includes("\nSecurityLabelDisable=true\n"),
				() => ["mounts a socket with its label on"],
			),
	},
	{
		name: "the label is off only for a socket",
		reason:
			"without a label the container is confined by its uid alone; nothing else is worth that",
		check: ({ files }) =>
			each(
				files,
				(file) =>
					container(file) &&
					/^(SecurityLabelDisable=true|PodmanArgs=.*label=disable)/m.test(
						file.text,
					) &&
					!binds(file).some(({ source }) => isSocket(source)),
				() => ["has its label off and mounts no socket"],
			),
	},
	{
		name: "containers that scripts start can read what they mount",
		reason:
			"a plain --volume keeps the host's label, which container_t may not read",
		check: ({ files }) =>
			each(
				files,
				(file) => script(file) || library(file),
				({ text }) =>
					text
						.replaceAll("\\\n", " ")
						.split("\n")
						.filter(
							(line) =>
								/\bpodman (run|create)\b/.test(line) &&
								/(--volume|-v)[= ]/.test(line) &&
								!line.includes("label=disable") &&
								!/:(ro,|rw,)?z\b/.test(line),
						)
						.map((line) => line.trim().slice(0, 60)),
			),
	},
	{
		name: "what is moved gets the label of its new place",
		reason:
			"mv keeps the label of the old place; a file made beside its target has the right one already",
		check: ({ files }) =>
			each(
				files,
				(file) => script(file) || library(file),
				({ text }) =>
					/\brestorecon\b/.test(text)
						? []
						: text
								.split("\n")
								.filter(
									(line) =>
										/^\s*mv\s/.test(line) &&
										!/\bmv (-\S+ )*("\$new" |("[^"]*\/)[^"/]*" \3[^"/]*"$)/.test(
											line,
										),
								)
								.map((line) => line.trim()),
			),
	},
	{
		name: "nobody turns it off",
		reason:
			"permissive mode hides every other fault, and labels set by hand are lost at the next relabelling",
		check: ({ files }) =>
			each(
				files,
				() => true,
				({ text }) =>
					text
						.split("\n")
						.filter(
							(line) =>
								!line.trimStart().startsWith("#") &&
								/\b(setenforce|chcon|enforcing=0|selinux=0)\b|semanage permissive|SELINUX=(permissive|disabled)/.test(
									line,
								),
						),
			),
	},
	{
		name: "state lies below /var/lib",
		reason:
			"a new folder directly below /var gets var_t, which neither containers nor services may write; the root itself is read-only",
		check: ({ files, directories }) =>
			[...files, ...directories]
				.map(({ path }) => path)
				.filter(
					(path) =>
						!/^\/(etc|usr\/local\/(bin|libexec)|var\/(lib|home))\//.test(path),
				),
	},
	{
		name: "homes lie below /var/home",
		reason:
			"only there the policy expects homes; elsewhere rootless containers get var_t storage and cannot start",
		check: ({ users }) =>
			users
				.filter(({ homeDir }) => homeDir && !homeDir.startsWith("/var/home/"))
				.map(({ name, homeDir }) => `${name}: ${homeDir}`),
	},
	{
		name: "units are links to units",
		reason: "systemd refuses a unit that leads to a file of another type",
		check: ({ links }) =>
			links
				.filter(
					({ target }) =>
						!/^(\/usr\/lib\/systemd|\/etc\/systemd|\.\.)\/|^\/dev\/null$/.test(
							target,
						),
				)
				.map(({ path, target }) => `${path} -> ${target}`),
	},
];
