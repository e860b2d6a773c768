import type { Device, Tailnet } from "./backend.ts";

/** A device as the API shows it. */
export function viewDevice(device: Device, tailnet: Tailnet) {
	return {
		addresses: device.addresses,
		id: device.id,
		nodeId: `n${device.id}CNTRL`,
		user: device.user,
		name: `${device.givenName}.${tailnet.domain}`,
		hostname: device.hostname,
		clientVersion: "1.90.0",
		updateAvailable: false,
		os: device.os,
		created: time(device.created),
		connectedToControl: device.online,
		// Absent while it is connected.
		...(device.online ? {} : { lastSeen: time(device.lastSeen) }),
		keyExpiryDisabled: device.expires === null,
		expires:
			device.expires === null ? "0001-01-01T00:00:00Z" : time(device.expires),
		authorized: true,
		isExternal: false,
		isEphemeral: device.ephemeral,
		machineKey: "",
		nodeKey: "",
		...(device.tags.length > 0 ? { tags: device.tags } : {}),
		blocksIncomingConnections: false,
		tailnetLockKey: "",
		tailnetLockError: "",
	};
}

/** Devices are addressed by either of their identifiers. */
export function isDevice(device: Device, id: string): boolean {
	return device.id === id || `n${device.id}CNTRL` === id;
}

function time(milliseconds: number): string {
	return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}
