import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ownerToken } from "../../../lab/account.ts";
import { DiscordClient } from "../../../lab/clouds/discord/client.ts";
import { upCommand } from "../../../lab/commands/up.ts";
import { commandCgroup, endCgroup } from "../../../lab/daemon.ts";
import { Place, repository } from "../../../lab/place.ts";
import { socketFetch } from "../../../lab/socketFetch.ts";
import type { Ended } from "../../../lab/stack.ts";
import { World } from "../../../lab/world.ts";
import { type TinyImages, tinyImages } from "./tinyImages.ts";

/** The agent's owner, by Pulumi.lab.yaml. */
const owner = { name: "owner", id: "100000000000000001" };

const vultrState = z.looseObject({
	instances: z.array(
		z.looseObject({
			id: z.string(),
			main_ip: z.string(),
			v6_main_ip: z.string(),
			user_data: z.string(),
			tags: z.array(z.string()),
		}),
	),
});
const statusSchema = z.looseObject({
	generation: z.number(),
	ready: z.boolean(),
	problems: z.array(z.looseObject({ unit: z.string(), message: z.string() })),
	os: z.object({ image: z.string().nullable() }),
	delivery: z.looseObject({ id: z.string(), kept: z.array(z.string()) }),
	units: z.record(
		z.string(),
		z.looseObject({ image: z.string().nullable(), since: z.string() }),
	),
	state: z.looseObject({ restore: z.string() }),
});
const listed = z.array(z.object({ id: z.string() }));

/** For a host that is out of reach, in milliseconds. */
const patience = 45_000;

/** Waits until it is so. */
export async function until(
	what: string,
	seconds: number,
	holds: () => Promise<boolean>,
): Promise<void> {
	const end = performance.now() + seconds * 1000;
	while (!(await holds())) {
		if (performance.now() > end) assert.fail(`${what}: not after ${seconds} s`);
		await sleep(500);
	}
}

/** Command of the host that runs a script as whom the agent's files belong to. */
export const asOwner = (script: string): string[] => [
	...["sudo", "setpriv", "--reuid=2002000", "--regid=2002000"],
	...["--clear-groups", "sh", "-c", `'${script}'`],
];

/** Command of the host that runs a script as the user of the agent's engine, in its home and with its service manager. */
export const asAgent = (script: string): string[] => [
	...["sudo", "-u", "moltbot", "env", "XDG_RUNTIME_DIR=/run/user/2001"],
	...["sh", "-c", `'cd && ${script}'`],
];

/** A lab in a folder of its own with small images, and what people do in it. */
export class TestLab {
	readonly folder: string;
	readonly world: World;
	readonly discord: DiscordClient;
	/** The gateway that the lab begins with, and a later release. */
	readonly firstGateway: string;
	readonly nextGateway: string;

	private constructor(folder: string, world: World, images: TinyImages) {
		this.folder = folder;
		this.world = world;
		this.firstGateway = images.firstGateway;
		this.nextGateway = images.nextGateway;
		const fetch = socketFetch(world.place.controlSocket);
		this.discord = new DiscordClient({ fetch });
	}

	/** Everything but the host runs. */
	static async raise(): Promise<TestLab> {
		const folder = mkdtempSync(join(tmpdir(), "moltbot-lab-"));
		const images = await tinyImages();
		const world = World.open(new Place(folder), images.images);
		const lab = new TestLab(folder, world, images);
		await world.raise(() => {});
		return lab;
	}

	async clean(): Promise<void> {
		await this.world.lower();
		rmSync(this.folder, { recursive: true, force: true });
	}

	/** The operator's computer is gone, and with it Pulumi's state; of the checkout he has a copy, the stack's settings in it. */
	loseState(): void {
		for (const folder of ["backend", "pulumi"])
			rmSync(this.world.place.path(folder), { recursive: true });
	}

	/** Nothing of a pulumi command that runs is asked to end well. */
	killEngine(): Promise<void> {
		return endCgroup(commandCgroup(this.world.place, "pulumi"), "at once");
	}

	/** A command of the operator, however it ends; `said` is all that it printed. */
	async ask(command: readonly string[]): Promise<Ended & { said: string }> {
		const ended = await this.world.operator.ask(command);
		return { ...ended, said: ended.stdout + ended.stderr };
	}

	async succeed(command: readonly string[]): Promise<string> {
		const { code, stdout, said } = await this.ask(command);
		assert.equal(code, 0, said);
		return stdout;
	}

	/** @returns what a command says that does not succeed */
	async fail(command: readonly string[]): Promise<string> {
		const { code, said } = await this.ask(command);
		assert.notEqual(code, 0, said);
		return said;
	}

	up(...options: string[]): Promise<string> {
		return this.succeed([...upCommand, ...options]);
	}

	upFails(...options: string[]): Promise<string> {
		return this.fail([...upCommand, ...options]);
	}

	async configure(key: string, value: string): Promise<void> {
		await this.succeed(["pulumi", "config", "set", key, "--", value]);
	}

	/** The operator changes a file of his checkout, in his own view of it. */
	change(path: string, how: (text: string) => string): void {
		const text = readFileSync(join(repository, path), "utf8");
		const changed = how(text);
		assert.notEqual(changed, text);
		this.world.operator.edit(path, changed);
	}

	/**
	 * What a command on the host prints, over Tailscale SSH. While the tailnet finds a new path to the host nothing gets through, and no
	 * command has begun; the product's own SSH is as patient with that (infra/provider/ssh.ts).
	 */
	async onHost(...command: string[]): Promise<string> {
		const deadline = Date.now() + patience;
		for (;;) {
			const { code, stdout, said } = await this.ask(this.ssh(...command));
			if (code === 0) return stdout;
			const isOutOfReach = code === 255 && /dial failure/.test(said);
			assert.ok(isOutOfReach && Date.now() < deadline, said);
		}
	}

	ssh(...command: string[]): string[] {
		const host = `core@${this.world.operator.hostname}`;
		return ["tailscale", "ssh", host, ...command];
	}

	async status() {
		return statusSchema.parse(
			JSON.parse(await this.onHost("moltbot", "status", "--json")),
		);
	}

	bootId(): Promise<string> {
		return this.onHost("cat", "/proc/sys/kernel/random/boot_id");
	}

	/** Ends when the host is there again. */
	async reboot(): Promise<void> {
		const boot = await this.bootId();
		// Its own session ends with it.
		await this.ask(this.ssh("sudo", "systemctl", "reboot"));
		await until("another boot", 120, () =>
			this.bootId().then(
				(id) => id !== boot,
				() => false,
			),
		);
	}

	async instances() {
		const state = await this.world.control.snapshot("vultr");
		return vultrState.parse(state).instances;
	}

	/** The host has to pull this image anew; no container may run on it. */
	async forgetImage(reference: string): Promise<void> {
		await this.onHost(...asAgent(`podman rmi ${reference}`));
	}

	/** Writes to the agent as its owner, waits for the answer. */
	async dm(text: string, deadline = 60_000): Promise<string> {
		const options = { id: owner.id, deadline };
		return (await this.discord.ask(owner.name, text, options)).content;
	}

	/** Puts another secret into an item of the operator's vault, as a person does in 1Password. */
	async setItem(title: string, value: string): Promise<void> {
		const call = socketFetch(this.world.place.controlSocket);
		const base = "https://connect.1password.lab.test/v1/vaults";
		const headers = {
			authorization: `Bearer ${ownerToken(this.world.account)}`,
			"content-type": "application/json",
		};
		const [vault] = listed.parse(await (await call(base, { headers })).json());
		const filter = encodeURIComponent(`title eq "${title}"`);
		const items = `${base}/${vault?.id}/items`;
		const [item] = listed.parse(
			await (await call(`${items}?filter=${filter}`, { headers })).json(),
		);
		const answer = await call(`${items}/${item?.id}`, {
			method: "PATCH",
			headers,
			body: JSON.stringify([
				{ op: "replace", path: "/fields/credential/value", value },
			]),
		});
		assert.equal(answer.status, 200, await answer.text());
	}
}
