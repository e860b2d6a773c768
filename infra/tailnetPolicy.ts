/** Who may reach the agent's hosts. */
export interface PolicyOptions {
	/** Tag of the hosts. */
	readonly tag: string;
	/** Who operates them: `autogroup:admin`, a group, or somebody's login name. */
	readonly operators: string;
}

/** What any tailnet needs so that the program works: the tag exists, and operators reach the host by SSH as `core`. */
export function policyNeeds({ tag, operators }: PolicyOptions) {
	return {
		tagOwners: { [tag]: [operators] },
		grants: [{ src: [operators], dst: [tag], ip: ["tcp:22"] }],
		ssh: [{ action: "accept", src: [operators], dst: [tag], users: ["core"] }],
	};
}

/** Why each part of the whole policy stands there; the page takes its comments from here. */
export const policyReasons = {
	tagOwners: "Who may make keys with the tag of the agent's hosts.",
	grants:
		"Operators reach the hosts by SSH and nothing else; people reach their own devices. The tag is in no src: a host that is taken over reaches nobody.",
	ssh: "accept, not check: `pulumi up` has nobody who could answer. Only core: root is one sudo away and leaves a name in the journal.",
	tests:
		"Tailscale refuses every later policy that breaks one of these, however it came about.",
	sshTests: "The same for SSH.",
} as const;

/**
 * The whole policy of a tailnet that belongs to the agent and its operators. `tests` and `sshTests` name a person only
 * where `operators` is one: Tailscale takes no autogroup as their source.
 */
export function tailnetPolicy(options: PolicyOptions) {
	const { tag, operators } = options;
	const needs = policyNeeds(options);
	const person = operators.startsWith("autogroup:") ? undefined : operators;
	return {
		tagOwners: needs.tagOwners,
		grants: [
			...needs.grants,
			{ src: ["autogroup:member"], dst: ["autogroup:self"], ip: ["*"] },
		],
		ssh: [
			...needs.ssh,
			{
				action: "check",
				src: ["autogroup:member"],
				dst: ["autogroup:self"],
				users: ["autogroup:nonroot", "root"],
			},
		],
		tests: [
			{ src: tag, deny: [`${tag}:22`, `${tag}:18789`] },
			...(person === undefined
				? []
				: [{ src: person, accept: [`${tag}:22`], deny: [`${tag}:18789`] }]),
		],
		sshTests: [
			{ src: tag, dst: [tag], deny: ["core", "root", "moltbot"] },
			...(person === undefined
				? []
				: [
						{
							src: person,
							dst: [tag],
							accept: ["core"],
							deny: ["root", "moltbot"],
						},
					]),
		],
	};
}

/** JSON on one line, spaced as people write it. */
export function oneLine(value: unknown): string {
	return JSON.stringify(value).replaceAll('":', '": ').replaceAll(',"', ', "');
}

/** The policy as a file, in HuJSON: with its reasons as comments. */
export function policyText(options: PolicyOptions): string {
	const parts = Object.entries(tailnetPolicy(options)).map(([key, value]) => {
		const reason = policyReasons[key as keyof typeof policyReasons];
		const body = Array.isArray(value)
			? ["[", ...value.map((v) => `\t\t${oneLine(v)},`), "\t]"].join("\n")
			: oneLine(value);
		return `\t// ${reason}\n\t${JSON.stringify(key)}: ${body},\n`;
	});
	return `{\n${parts.join("\n")}}\n`;
}
