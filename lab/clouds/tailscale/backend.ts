/** What a new auth key may do. */
export interface KeyCapability {
	reusable: boolean;
	ephemeral: boolean;
	preauthorized: boolean;
	tags: string[];
}

/** An auth key; times in milliseconds. */
export interface AuthKey extends KeyCapability {
	id: string;
	description: string;
	expirySeconds: number;
	created: number;
	expires: number;
	used: boolean;
}

/** A device of the tailnet; times in milliseconds. */
export interface Device {
	id: string;
	/** What it calls itself. */
	hostname: string;
	/** Its name on the tailnet, without the domain; numbered where the host name was taken. */
	givenName: string;
	addresses: string[];
	tags: string[];
	user: string;
	created: number;
	/** `null`: never. */
	expires: number | null;
	lastSeen: number;
	online: boolean;
	ephemeral: boolean;
	os: string;
}

/** The tailnet behind the API. */
export interface Tailnet {
	/** Part of a device's full name, for example `tailnet.test`. */
	readonly domain: string;
	createKey(
		capability: KeyCapability,
		description: string,
		expirySeconds: number,
	): Promise<{ key: AuthKey; secret: string }>;
	keys(): Promise<AuthKey[]>;
	/** False: there is no such key. */
	deleteKey(id: string): Promise<boolean>;
	devices(): Promise<Device[]>;
	/** False: there is no such device. */
	deleteDevice(id: string): Promise<boolean>;
}
