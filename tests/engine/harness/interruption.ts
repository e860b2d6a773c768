// Where a run can be killed, and what must hold after it was mended.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { z } from "zod";
import { isMutation } from "./mutations.ts";
import { asks, type World } from "./world.ts";

/** A mutating call of a run: the n-th of those that look like it. */
export interface Point {
	readonly name: string;
	readonly call: RegExp;
	readonly nth: number;
	readonly when: "before" | "after";
}

/**
 * Every mutating call of a run that ended well, in turns before and after its answer; those that begin and end the bill both
 * ways, and with MOLTBOT_TEST_DEEP=true all of them.
 */
export function pointsOf(timeline: readonly string[]): Point[] {
	const deep = process.env.MOLTBOT_TEST_DEEP === "true";
	const seen = new Map<string, number>();
	return timeline.flatMap((entry) => {
		const name = nameOf(entry);
		if (name === undefined) return [];
		const nth = (seen.get(name) ?? 0) + 1;
		const isOdd = seen.size % 2 === 1;
		seen.set(name, nth);
		const call = new RegExp(
			`^${name.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&").replaceAll("\\*", "[^/]+")}(/|$)`,
		);
		const point = { name: nth > 1 ? `${name} (${nth})` : name, call, nth };
		const [first, second] = isOdd
			? (["after", "before"] as const)
			: (["before", "after"] as const);
		return [
			{ ...point, when: first },
			...(deep || name.includes("/instances")
				? [{ ...point, when: second }]
				: []),
		];
	});
}

/** Kills a run at this point, and runs it once more: cancel and the same command again must be all it takes. */
export async function interrupt(
	world: World,
	{ call, when, nth }: Point,
	command: "up" | "destroy",
): Promise<void> {
	world.killAt(call, when, nth);
	const killed = await world[command]();
	assert.equal(killed.code, null, killed.output);
	// What the engine writes in place, a kill may leave empty (`stateUrl`).
	const names = readdirSync(world.backend, { recursive: true }).map(String);
	assert.deepEqual(
		names.filter((name) => name.endsWith(".attrs")),
		[],
	);
	await world.cancel();
	const again = await world[command]();
	assert.equal(again.code, 0, again.output);
}

/** A mutating call without what differs from run to run. */
function nameOf(entry: string): string | undefined {
	const ssh = /^ssh g\d+ (.*)$/.exec(entry)?.[1];
	if (ssh !== undefined) return asks.includes(ssh) ? undefined : `ssh * ${ssh}`;
	const [method = "", url = ""] = entry.split(" ");
	const path = url.slice(url.indexOf("/"));
	if (!isMutation({ method, path })) return undefined;
	const plain = url
		.replace(/(b2_upload_file)\/.*/, "$1")
		.replace(/\/(instances|firewalls|device|keys)\/.+/, "/$1/*");
	return `${method} ${plain}`;
}

const vultr = z.object({
	instances: z.array(
		z.object({ id: z.string(), firewall_group_id: z.string() }),
	),
	firewallGroups: z.array(z.object({ id: z.string() })),
	billing: z.object({ mostAtOnce: z.number() }),
});
const tailscale = z.object({
	keys: z.array(
		z.object({ used: z.boolean(), created: z.number(), expires: z.number() }),
	),
	devices: z.array(z.object({ hostname: z.string(), online: z.boolean() })),
});
const backblaze = z.object({
	buckets: z.array(z.object({ name: z.string() })),
	keys: z.array(z.object({ name: z.string() })),
});

async function books({ control }: World) {
	return {
		vultr: vultr.parse(await control.snapshot("vultr")),
		tailscale: tailscale.parse(await control.snapshot("tailscale")),
		backblaze: backblaze.parse(await control.snapshot("backblaze")),
		now: await control.now(),
	};
}

/**
 * One VM, its firewall group, one key and one device, whatever happened before; never two VMs at a time.
 *
 * @param saved whether every earlier host was asked for its state
 */
export async function assertOneHost(
	world: World,
	{ saved = true }: { saved?: boolean } = {},
): Promise<void> {
	const found = await books(world);
	assert.equal(found.vultr.billing.mostAtOnce, 1);
	const [vm, ...otherVms] = found.vultr.instances;
	assert.ok(vm);
	assert.deepEqual(otherVms, []);
	assert.deepEqual(
		found.vultr.firewallGroups.map(({ id }) => id),
		[vm.firewall_group_id],
	);
	const host = world.hypervisor.hosts.at(-1);
	assert.equal(host?.instanceId, vm.id);
	assert.equal(host.powered, true);
	assert.deepEqual(
		found.backblaze.keys.map(({ name }) => name),
		[`moltbot-test-7f3c9a-g${host.generation}`],
	);
	assert.deepEqual(found.tailscale.devices, [
		{ hostname: "moltbot", online: true },
	]);
	assert.equal(host.deliveries.at(-1)?.generation, host.generation);
	assertJoinKeys(found);
	// Who once had an agent was asked for its state before he went.
	if (saved)
		for (const old of world.hypervisor.hosts.slice(0, -1))
			assert.ok(
				old.deliveries.length === 0 || old.commands.includes(lastBackup),
			);
}

/** Nothing is left but the bucket. */
export async function assertNothingButBucket(world: World): Promise<void> {
	const found = await books(world);
	assert.equal(found.vultr.billing.mostAtOnce, 1);
	assert.deepEqual(found.vultr.instances, []);
	assert.deepEqual(found.vultr.firewallGroups, []);
	assert.deepEqual(found.backblaze.keys, []);
	assert.equal(found.backblaze.buckets.length, 1);
	assert.deepEqual(found.tailscale.devices, []);
	assertJoinKeys(found);
	for (const host of world.hypervisor.hosts) assert.equal(host.powered, false);
}

/** However often it was begun anew: the state was saved and read back on the host before anybody asked for the end of its VM. */
export function assertSavedBeforeDeleted({ timeline }: World): void {
	const saved = timeline.findIndex((line) => line.endsWith(lastBackup));
	const deleted = timeline.findIndex((line) =>
		/^DELETE api\.vultr\.com\/v2\/instances\//.test(line),
	);
	assert.ok(
		saved >= 0 && saved < deleted,
		`saved at ${saved}, deleted at ${deleted} of\n${timeline.join("\n")}`,
	);
}

export const lastBackup = "sudo /usr/local/libexec/moltbot/last-backup";

/** The answer to a key's creation may be lost with the key in it; such a key, never more than one, dies within the hour. */
function assertJoinKeys({ tailscale, now }: Awaited<ReturnType<typeof books>>) {
	const live = tailscale.keys.filter((key) => !key.used && key.expires > now);
	assert.ok(live.length <= 1, `${live.length} live join keys`);
	for (const { created, expires } of live)
		assert.ok(expires - created <= 3_600_000);
}
