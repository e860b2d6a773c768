import { z } from "zod";

const duration = z.number().int().nonnegative();

/** Rights of an API key; `root` has all. Names as `GET /v2/account` lists them. */
export const allAcls = [
	"manage_users",
	"subscriptions_view",
	"subscriptions",
	"provisioning",
	"billing",
	"support",
	"abuse",
	"dns",
	"upgrade",
	"objstore",
	"loadbalancer",
	"firewall",
] as const;

/** How the Vultr stand-in behaves; times are milliseconds by the lab's clock. */
export const vultrOptionsSchema = z.strictObject({
	apiKeys: z
		.array(
			z.strictObject({
				token: z.string().min(1),
				acls: z.array(z.enum(allAcls)).default([...allAcls]),
				/** Addresses from which the key may be used; absent: any. */
				allowedAddresses: z.array(z.string()).optional(),
			}),
		)
		.default([{ token: "lab-vultr-key", acls: [...allAcls] }]),
	/** After the POST; the real service needs about a minute. */
	delays: z
		.strictObject({
			/** `pending` → `active`. */
			active: duration.default(300),
			/** Power on, without a hypervisor. */
			running: duration.default(600),
			/** `server_status` → `ok`. */
			ok: duration.default(900),
			/** DELETE → 404. */
			gone: duration.default(300),
			/** How long a new instance is still answered with 404 (terraform-provider-vultr #462). */
			visible: duration.default(0),
		})
		.prefault({}),
	/** VPC 2.0: `gone` is today's 404, `empty` the answer of before July 2026. */
	vpc2: z.enum(["gone", "empty"]).default("gone"),
	/** What a GET of an instance that does not exist says. */
	missingInstance: z
		.enum(["instance not found", "invalid instance ID"])
		.default("instance not found"),
	/** Plans that cannot be had: `{region: [plan]}`. */
	soldOut: z.record(z.string(), z.array(z.string())).default({}),
	/** Requests a second; more get 429. */
	rateLimit: z.number().int().positive().default(30),
	/** Public addresses are handed out from here: first three parts of a /24. */
	network: z
		.string()
		.regex(/^\d+\.\d+\.\d+$/)
		.default("203.0.113"),
});

export type VultrOptions = z.input<typeof vultrOptionsSchema>;
export type VultrSettings = z.output<typeof vultrOptionsSchema>;
