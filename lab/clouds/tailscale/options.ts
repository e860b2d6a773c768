import { z } from "zod";
import { headscaleOptionsSchema } from "./headscale.ts";

/** Scopes of an OAuth client, as far as the lab's routes ask for them. */
const scopes = z.enum([
	"all",
	"all:read",
	"auth_keys",
	"auth_keys:read",
	"devices:core",
	"devices:core:read",
	"policy_file",
	"policy_file:read",
]);

/** How the Tailscale stand-in behaves. */
export const tailscaleOptionsSchema = z.strictObject({
	/** API access tokens of an admin: they may do everything. */
	apiKeys: z.array(z.string().min(1)).default(["tskey-api-lab"]),
	oauthClients: z
		.array(
			z.strictObject({
				id: z.string().min(1),
				secret: z.string().min(1),
				scopes: z.array(scopes),
				tags: z.array(z.string()).default([]),
			}),
		)
		.default([]),
	/** Name of the tailnet; "-" always means it too. */
	tailnet: z.string().default("lab.test"),
	/** Domain of the devices' names, without a headscale. */
	domain: z.string().default("tailnet.test"),
	/** Policy file of the first start, HuJSON, without a headscale. Default: what the documentation asks for. */
	policy: z.string().optional(),
	/** The real headscale behind the API; absent: a tailnet in memory. */
	headscale: headscaleOptionsSchema.optional(),
});

export type TailscaleOptions = z.input<typeof tailscaleOptionsSchema>;
export type TailscaleSettings = z.output<typeof tailscaleOptionsSchema>;
export type Scope = z.output<typeof scopes>;
