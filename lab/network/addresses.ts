/**
 * The lab's internet, on addresses that are reserved for documentation (RFC 5737, RFC 3849). Hosts get theirs from the
 * Vultr stand-in: 203.0.113.0/24 and a /64 each of 2001:db8:113::/48.
 */

/** The stand-in clouds, TLS and plain HTTP. */
export const cloudsAddress = "198.51.100.10";
/** The control server of the tailnet. */
export const controlServerAddress = "198.51.100.20";
/** The public resolver; `resolvers` of the lab's stack. */
export const resolverAddress = "198.51.100.53";
/** Where Vultr answers metadata requests, to its own machines only. */
export const metadataAddress = "169.254.169.254";

/** The operator's line. */
export const operatorLine = {
	provider: { v4: "192.0.2.1", v6: "2001:db8:2::1" },
	operator: { v4: "192.0.2.2", v6: "2001:db8:2::2" },
} as const;
