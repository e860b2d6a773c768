import type { AgentHost } from "../agent/agent.ts";
import { limits, quote } from "./machine.ts";

/** What a cgroup says of itself. */
export interface Cgroup {
	/** A number of one of its files, by its key where the file has keys; `max` is Infinity. */
	read(file: string, key?: string): Promise<number>;
}

export function cgroup(agent: AgentHost, path: string): Cgroup {
	return {
		async read(file, key) {
			const text = await agent.shell(`cat /sys/fs/cgroup${path}/${file}`);
			const value = key
				? new RegExp(`^${key} (.+)$`, "m").exec(text)?.[1]
				: text;
			if (value === undefined) throw new Error(`${file} has no ${key}`);
			return value === "max" ? Number.POSITIVE_INFINITY : Number(value);
		},
	};
}

/** A sandbox as OpenClaw starts one, without the limits named here, in which a script runs. */
export async function startSandbox(
	agent: AgentHost,
	script: string,
	without: readonly string[] = [],
	instead: readonly string[] = [],
) {
	const kept = limits.filter(
		(option) => !without.some((name) => option.startsWith(`${name}=`)),
	);
	if (kept.length !== limits.length - without.length)
		throw new Error(`a sandbox has no ${without.join(", ")}`);
	const image = (
		await agent.shell(
			"sed -n s/^Image=//p /etc/containers/systemd/users/2001/moltbot-sandbox.image.d/50-delivered.conf",
		)
	).trim();
	const id = await agent.podman(
		`run --detach ${[...kept, ...instead].join(" ")} --pull=never --entrypoint=/usr/bin/busybox ${image} sh -c ${quote(script)}`,
	);
	const state = (field: string) =>
		agent.podman(`inspect --format '{{.State.${field}}}' ${id}`);
	const path = /^.*\/libpod-[0-9a-f]+\.scope/.exec(await state("CgroupPath"));
	if (!path) throw new Error("the sandbox has no cgroup of its own");
	return {
		...cgroup(agent, path[0]),
		state,
		/** What the script printed so far. */
		output: () => agent.podman(`logs ${id} 2>&1`),
		/** At once, whatever it is busy with. */
		remove: async () => {
			await agent.shell(
				`echo 1 >/sys/fs/cgroup${path[0]}/cgroup.kill || true; while grep -q 'populated 1' /sys/fs/cgroup${path[0]}/cgroup.events; do sleep 0.2; done`,
			);
			await agent.podman(`rm --force --time 60 ${id}`);
		},
	};
}
