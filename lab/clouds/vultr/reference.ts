/** What the account-independent lists of the API hold. Prices: docs.vultr.com and live checks of September 2026. */

/** A plan as `GET /v2/plans` shows it. */
export interface Plan {
	id: string;
	vcpu_count: number;
	/** Megabytes. */
	ram: number;
	/** Gigabytes. */
	disk: number;
	disk_count: number;
	/** Gigabytes a month. */
	bandwidth: number;
	/** US dollars. */
	monthly_cost: number;
	hourly_cost: number;
	/** `monthly` plans are capped at 672 hours; `hourly` ones are not. */
	invoice_type: "monthly" | "hourly";
	type: string;
	locations: string[];
}

const everywhere = ["ewr", "ams", "fra", "lax", "nrt"];

/** The regions. */
export const regions = [
	region("ewr", "New Jersey", "US", "North America"),
	region("lax", "Los Angeles", "US", "North America"),
	region("ams", "Amsterdam", "NL", "Europe"),
	region("fra", "Frankfurt", "DE", "Europe"),
	region("nrt", "Tokyo", "JP", "Asia"),
];

/** The plans. */
export const plans: readonly Plan[] = [
	plan("vc2-1c-1gb", 1, 1, 25, 1024, 5),
	plan("vc2-1c-2gb", 1, 2, 55, 2048, 10),
	plan("vc2-2c-4gb", 2, 4, 80, 3072, 20),
	plan("vc2-4c-8gb", 4, 8, 160, 4096, 40),
	plan("vhf-1c-2gb", 1, 2, 64, 2048, 12),
	plan("vhf-2c-4gb", 2, 4, 128, 3072, 24),
	plan("vhp-1c-2gb-amd", 1, 2, 50, 2048, 12),
	plan("vhp-1c-2gb-intel", 1, 2, 50, 2048, 12),
	plan("vhp-2c-4gb-amd", 2, 4, 100, 5120, 24),
	plan("vhp-2c-4gb-intel", 2, 4, 100, 5120, 24),
	{
		...plan("vx1-g-2c-8g-120s", 2, 8, 120, 5120, 55.48),
		invoice_type: "hourly",
		// Sold in some places only.
		locations: ["ewr", "ams"],
	},
];

/** The operating systems that matter here, and a few beside them. */
export const operatingSystems = [
	{
		id: 391,
		name: "Fedora CoreOS Stable",
		arch: "x64",
		family: "fedora-coreos",
	},
	{ id: 424, name: "Fedora CoreOS Next", arch: "x64", family: "fedora-coreos" },
	{
		id: 425,
		name: "Fedora CoreOS Testing",
		arch: "x64",
		family: "fedora-coreos",
	},
	{ id: 2136, name: "Debian 12 x64 (bookworm)", arch: "x64", family: "debian" },
	{ id: 2284, name: "Ubuntu 24.04 LTS x64", arch: "x64", family: "ubuntu" },
];

function region(id: string, city: string, country: string, continent: string) {
	return { id, city, country, continent, options: ["ddos_protection"] };
}

function plan(
	id: string,
	cpus: number,
	gigabytes: number,
	disk: number,
	bandwidth: number,
	price: number,
): Plan {
	return {
		id,
		vcpu_count: cpus,
		ram: gigabytes * 1024,
		disk,
		disk_count: 1,
		bandwidth,
		monthly_cost: price,
		// The API divides by the hours of an average month, although the bill is capped at 672.
		hourly_cost: Math.round((price / 730) * 1000) / 1000,
		invoice_type: "monthly",
		type: id.slice(0, 3),
		locations: everywhere,
	};
}
