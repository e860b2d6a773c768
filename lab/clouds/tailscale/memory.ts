import { z } from "zod";
import type { World } from "../cloud.ts";
import type { AuthKey, Device, Tailnet } from "./backend.ts";

const keySchema = z.object({
	id: z.string(),
	secret: z.string(),
	description: z.string(),
	reusable: z.boolean(),
	ephemeral: z.boolean(),
	preauthorized: z.boolean(),
	tags: z.array(z.string()),
	expirySeconds: z.number(),
	created: z.number(),
	expires: z.number(),
	used: z.boolean(),
});
const deviceSchema = z.object({
	id: z.string(),
	hostname: z.string(),
	givenName: z.string(),
	addresses: z.array(z.string()),
	tags: z.array(z.string()),
	user: z.string(),
	created: z.number(),
	expires: z.number().nullable(),
	lastSeen: z.number(),
	online: z.boolean(),
	ephemeral: z.boolean(),
	os: z.string(),
});
const schema = z.object({
	keys: z.array(keySchema),
	devices: z.array(deviceSchema),
	lastNumber: z.number().int(),
});

/** A join is refused, in the words of the control server. */
export class JoinError extends Error {
	readonly code = "join-refused";
}

/** The control server's side of a tailnet without a real one: what a model of a host calls. */
export interface Coordination {
	/**
	 * Registers a new node.
	 *
	 * @param address where it shall be reached, instead of the next tailnet address: engine tests let SSH listen on loopback.
	 * @throws JoinError with the control server's words for a used, expired or unknown key.
	 */
	join(request: {
		authKey: string;
		hostname: string;
		address?: string | undefined;
		os?: string | undefined;
	}): Device;
	/** A device made by its user in a browser, as the operator's own is. */
	addDevice(device: {
		hostname: string;
		tags?: string[];
		user?: string;
		address?: string;
	}): Device;
	/** Keys (with their secrets) and devices, for tests. */
	snapshot(): unknown;
	/** It connects or falls silent. False: it is no longer a device of the tailnet. */
	setOnline(id: string, online: boolean): boolean;
}

const day = 24 * 60 * 60 * 1000;
/** An ephemeral node goes after being silent for about this long. */
const ephemeralPatience = 60 * 60 * 1000;

/** A tailnet in memory and on disk, for tests that need no packets. */
export function createMemoryTailnet(
	world: World,
	domain: string,
): Tailnet & Coordination {
	const { clock } = world;
	const store = world.store("tailscale", schema, {
		keys: [],
		devices: [],
		lastNumber: 1,
	});

	function prune(): void {
		const now = clock.now();
		const stays = store.data.devices.filter(
			(device) =>
				!device.ephemeral ||
				device.online ||
				now - device.lastSeen < ephemeralPatience,
		);
		if (stays.length === store.data.devices.length) return;
		store.data.devices = stays;
		store.save();
	}

	function add(
		input: Pick<Device, "hostname" | "tags" | "user" | "ephemeral" | "os"> & {
			address?: string | undefined;
		},
	): Device {
		store.data.lastNumber += 1;
		const number = store.data.lastNumber;
		const now = clock.now();
		const device: Device = {
			id: String(BigInt(`0x${world.random(7)}`)),
			hostname: input.hostname,
			givenName: freeName(input.hostname),
			addresses: [
				input.address ?? `100.64.${Math.floor(number / 254)}.${number % 254}`,
				`fd7a:115c:a1e0::${number.toString(16)}`,
			],
			tags: input.tags,
			user: input.user,
			created: now,
			// The key of a tagged node does not expire.
			expires: input.tags.length > 0 ? null : now + 180 * day,
			lastSeen: now,
			online: true,
			ephemeral: input.ephemeral,
			os: input.os,
		};
		store.data.devices.push(device);
		store.save();
		return structuredClone(device);
	}

	function freeName(hostname: string): string {
		const base = hostname.toLowerCase().replace(/[^a-z0-9-]/g, "-");
		const taken = new Set(store.data.devices.map((one) => one.givenName));
		let name = base;
		for (let n = 1; taken.has(name); n++) name = `${base}-${n}`;
		return name;
	}

	return {
		domain,
		async createKey(capability, description, expirySeconds) {
			const now = clock.now();
			const id = `k${base58(world.random(8))}CNTRL`;
			const key: AuthKey = {
				...capability,
				id,
				description,
				expirySeconds,
				created: now,
				expires: now + expirySeconds * 1000,
				used: false,
			};
			const secret = `tskey-auth-${id}-${base58(world.random(24))}`;
			store.data.keys.push({ ...key, secret });
			store.save();
			return { key, secret };
		},
		keys: async () => structuredClone(store.data.keys),
		async deleteKey(id) {
			const stays = store.data.keys.filter((one) => one.id !== id);
			if (stays.length === store.data.keys.length) return false;
			store.data.keys = stays;
			store.save();
			return true;
		},
		async devices() {
			prune();
			return structuredClone(store.data.devices);
		},
		async deleteDevice(id) {
			prune();
			const stays = store.data.devices.filter((one) => one.id !== id);
			if (stays.length === store.data.devices.length) return false;
			store.data.devices = stays;
			store.save();
			return true;
		},

		join({ authKey, hostname, address, os = "linux" }) {
			prune();
			const key = store.data.keys.find((one) => one.secret === authKey);
			if (!key) throw new JoinError("invalid pre auth key");
			if (key.used && !key.reusable)
				throw new JoinError("authkey already used");
			if (clock.now() >= key.expires) throw new JoinError("authkey expired");
			key.used = true;
			return add({
				hostname,
				address,
				os,
				tags: key.tags,
				user: key.tags.length > 0 ? "tagged-devices" : "operator@lab.test",
				ephemeral: key.ephemeral,
			});
		},
		addDevice: ({ hostname, tags = [], user = "operator@lab.test", address }) =>
			add({ hostname, tags, user, address, ephemeral: false, os: "linux" }),
		snapshot: () => ({ keys: store.data.keys, devices: store.data.devices }),
		setOnline(id, online) {
			prune();
			const device = store.data.devices.find((one) => one.id === id);
			if (!device) return false;
			device.online = online;
			device.lastSeen = clock.now();
			store.save();
			return true;
		},
	};
}

/** Letters and digits as they appear in the service's identifiers. */
function base58(hex: string): string {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	let rest = BigInt(`0x${hex}`);
	let text = "";
	for (; rest > 0n; rest /= 58n) text += alphabet.charAt(Number(rest % 58n));
	return text;
}
