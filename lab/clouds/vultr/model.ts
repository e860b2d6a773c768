import { z } from "zod";

/** A rule of a firewall group. */
export const ruleSchema = z.object({
	id: z.number().int(),
	ip_type: z.enum(["v4", "v6"]),
	protocol: z.enum(["icmp", "tcp", "udp", "gre", "ah", "esp"]),
	port: z.string(),
	subnet: z.string(),
	subnet_size: z.number().int(),
	source: z.string(),
	notes: z.string(),
});

const firewallGroupSchema = z.object({
	id: z.string(),
	description: z.string(),
	created: z.number(),
	modified: z.number(),
	lastRule: z.number().int(),
	rules: z.array(ruleSchema),
});

/** A time on one plan, for the bill. */
const chargeSchema = z.object({
	plan: z.string(),
	from: z.number(),
	to: z.number().nullable(),
});

const instanceSchema = z.object({
	id: z.string(),
	region: z.string(),
	plan: z.string(),
	osId: z.number().int(),
	label: z.string(),
	hostname: z.string(),
	tags: z.array(z.string()),
	firewallGroupId: z.string(),
	sshKeyIds: z.array(z.string()),
	scriptId: z.string(),
	userScheme: z.string(),
	backups: z.boolean(),
	ddosProtection: z.boolean(),
	/** As given: base64. */
	userData: z.string(),
	password: z.string(),
	kvm: z.string(),
	v4: z.string().nullable(),
	v6: z.string().nullable(),
	/** Milliseconds by the lab's clock. */
	created: z.number(),
	/** `null` until DELETE; then when it was. */
	deleted: z.number().nullable(),
	/** Has it come up for the first time? */
	booted: z.boolean(),
	power: z.enum(["running", "stopped"]),
	charges: z.array(chargeSchema),
});

const sshKeySchema = z.object({
	id: z.string(),
	name: z.string(),
	key: z.string(),
	created: z.number(),
});

const scriptSchema = z.object({
	id: z.string(),
	name: z.string(),
	type: z.enum(["boot", "pxe"]),
	script: z.string(),
	created: z.number(),
	modified: z.number(),
});

/** Everything that one account has. */
export const accountSchema = z.object({
	/** Deleted ones stay: the bill and the tests want to know. */
	instances: z.array(instanceSchema),
	firewallGroups: z.array(firewallGroupSchema),
	sshKeys: z.array(sshKeySchema),
	scripts: z.array(scriptSchema),
});

export type Account = z.output<typeof accountSchema>;
export type Instance = z.output<typeof instanceSchema>;
export type FirewallGroup = z.output<typeof firewallGroupSchema>;
export type FirewallRule = z.output<typeof ruleSchema>;
export type SshKey = z.output<typeof sshKeySchema>;
export type Script = z.output<typeof scriptSchema>;
