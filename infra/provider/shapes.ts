/**
 * The shape of every resource of this provider: what goes in, what comes out, what is secret, and what a change of
 * an input means. Pure data: `check` and `diff` need nothing else, so a no-op `up` loads no client and no SSH.
 */
import { z } from "zod";

/** What a change of an input does; an input that stands in no list is stored and otherwise without effect. */
export interface ChangeRules {
	/** A change replaces the resource; a value not yet known counts as a change. */
	readonly replace: readonly string[];
	/**
	 * A change replaces the resource, but a value not yet known does not: for what is made from outputs of the bucket,
	 * which an update of the bucket makes unknown in a preview though it never changes them.
	 */
	readonly replaceWhenKnown?: readonly string[];
	/** A change is made in place. */
	readonly update?: readonly string[];
	/** Lists whose order and repetition mean nothing. */
	readonly sets?: readonly string[];
	/** The old one goes before the new one comes. */
	readonly deleteBeforeReplace?: boolean;
}

/** Inputs, outputs, secrets and change rules of one resource type. */
export interface Shape<
	I extends z.ZodObject = z.ZodObject,
	O extends z.ZodObject = z.ZodObject,
> {
	readonly inputs: I;
	/** What it has besides its inputs. */
	readonly outputs: O;
	/** Properties that are secret whether or not they arrived so. */
	readonly secrets: readonly string[];
	readonly changes: ChangeRules;
}

/** The values a resource is made from. */
export type Inputs<S extends Shape> = z.output<S["inputs"]>;
/** What stands in the Pulumi state: inputs and outputs. */
export type State<S extends Shape> = Inputs<S> &
	Pick<z.output<S["outputs"]>, keyof S["outputs"]["shape"]>;

function shape<I extends z.ZodObject, O extends z.ZodObject>(
	value: Shape<I, O>,
): Shape<I, O> {
	return value;
}

const text = z.string().min(1);
const bucketName = z
	.string()
	.regex(
		/^(?!b2-)[A-Za-z0-9][A-Za-z0-9-]{4,61}[A-Za-z0-9]$/,
		"a bucket name has 6 to 63 letters, digits and hyphens, and does not begin with b2-",
	);
const hostname = z
	.string()
	.regex(
		/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
		"a host name has up to 63 small letters, digits and hyphens",
	);
const tag = z
	.string()
	.regex(
		/^tag:[a-zA-Z][a-zA-Z0-9-]*$/,
		'a Tailscale tag looks like "tag:moltbot"',
	);
const generation = z.int().min(1).max(99_999_999);
const seconds = z.int().min(1).max(86_400);

/** A private backup bucket with our mark; destroy leaves it where it is. */
export const bucketShape = shape({
	inputs: z.object({
		/** Name of the bucket, unique over all of Backblaze. */
		name: bucketName,
		/** Days that a hidden or overwritten version is kept. */
		retentionDays: z.int().min(1).max(36_500),
		/** Keep versions undeletable (governance mode) for `retentionDays`. Cannot be switched off again. */
		objectLock: z.boolean().optional(),
	}),
	outputs: z.object({
		bucketId: text,
		/** URL of the S3 endpoint, `https://s3.<region>.backblazeb2.com`. */
		s3Endpoint: z.url(),
		region: text,
	}),
	secrets: [],
	changes: { replace: ["name"], update: ["retentionDays", "objectLock"] },
});

/** A firewall group at Vultr without rules: nothing comes in. */
export const firewallShape = shape({
	inputs: z.object({
		/** Names the stack: a group of this description without a rule is ours. */
		description: text,
	}),
	outputs: z.object({}),
	secrets: [],
	changes: { update: ["description"], replace: [] },
});

/** A number that one host lives under, claimed in the bucket, so that it survives a lost stack. */
export const generationShape = shape({
	inputs: z.object({
		bucketName,
		bucketId: text,
		/** Name of the host, written into the claim for people. */
		hostname,
		/**
		 * Hash of all that needs a new VM when it changes: the document without join key and beacon URL, and region,
		 * plan, OS id, host name and tag. As output: the fingerprint of the claim, which differs after an adoption.
		 */
		fingerprint: text,
	}),
	outputs: z.object({
		number: generation,
		/** When the claim was made, by Backblaze's clock (ISO 8601). */
		claimedAt: text,
		/** True if the claim was found, not made. */
		adopted: z.boolean(),
	}),
	secrets: [],
	changes: {
		replace: ["bucketName"],
		replaceWhenKnown: ["bucketId", "fingerprint"],
		deleteBeforeReplace: true,
	},
});

/** A Backblaze application key that can be deleted by name. */
export const bucketKeyShape = shape({
	inputs: z.object({
		bucketId: text,
		/** `<bucket>-g<generation>`. */
		name: z
			.string()
			.regex(
				/^[A-Za-z0-9-]{1,100}$/,
				"a key name has up to 100 letters, digits and hyphens",
			),
		capabilities: z.array(text).min(1),
		/** Limits the key to files below this prefix. */
		namePrefix: text.optional(),
	}),
	outputs: z.object({ keyId: text, key: text }),
	secrets: ["key"],
	changes: {
		replace: ["name", "capabilities", "namePrefix"],
		replaceWhenKnown: ["bucketId"],
		sets: ["capabilities"],
	},
});

/** A URL that may write one object for one hour: the voice of a host that nobody can reach yet. */
export const beaconShape = shape({
	inputs: z.object({
		bucketName,
		s3Endpoint: z.url(),
		region: text,
		generation,
		keyId: text,
		key: text,
	}),
	outputs: z.object({
		/** Presigned `PUT`, valid for one hour from creation. */
		url: text,
		/** Name of the object it writes. */
		object: text,
	}),
	secrets: ["url", "key"],
	changes: {
		replace: ["generation", "keyId"],
		replaceWhenKnown: ["bucketName", "s3Endpoint", "region"],
	},
});

/** A key that lets one device into the tailnet: one-off, pre-authorised, not ephemeral. */
export const joinKeyShape = shape({
	inputs: z.object({
		/** Tailscale refuses a longer one. */
		description: text.max(50),
		tag,
		expirySeconds: seconds,
	}),
	outputs: z.object({ key: text }),
	secrets: ["key"],
	changes: { replace: ["description", "tag", "expirySeconds"] },
});

/** The policy file of the whole tailnet, which this stack owns. Stays as it is when the stack goes. */
export const tailnetPolicyShape = shape({
	inputs: z.object({
		/** HuJSON. */
		policy: text,
	}),
	outputs: z.object({
		/** What Tailscale calls this version of the file. */
		etag: z.string(),
	}),
	secrets: [],
	changes: { replace: [], update: ["policy"] },
});

/** The host's name on the tailnet: free before the host joins, free again after it is gone. */
export const tailnetNameShape = shape({
	inputs: z.object({ hostname, tag, generation, bucketName }),
	outputs: z.object({}),
	secrets: [],
	changes: {
		replace: ["hostname", "tag", "generation"],
		replaceWhenKnown: ["bucketName"],
		deleteBeforeReplace: true,
	},
});

/** A VM at Vultr. */
export const instanceShape = shape({
	inputs: z.object({
		region: text,
		plan: text,
		osId: z.int().min(1),
		/** What the console shows. */
		label: text,
		/** Pass `tailnetName.hostname`, so that a replacement deletes the VM before its name. */
		hostname,
		bucketName,
		generation,
		firewallGroupId: text,
		enableIpv6: z.boolean(),
		/** The Ignition document, not encoded. A change of it alone does nothing: see `fingerprint`. */
		userData: text,
		fingerprint: text,
	}),
	outputs: z.object({
		mainIp: z.string(),
		v6MainIp: z.string(),
		/** When the billing began (ISO 8601). */
		dateCreated: z.string(),
	}),
	secrets: ["userData"],
	changes: {
		replace: [
			"fingerprint",
			"generation",
			"region",
			"plan",
			"osId",
			"hostname",
			"enableIpv6",
		],
		replaceWhenKnown: ["bucketName"],
		update: ["label", "firewallGroupId"],
		deleteBeforeReplace: true,
	},
});

/** Waits until the host has joined the tailnet and lets us in. */
export const bootShape = shape({
	inputs: z.object({
		instanceId: text,
		generation,
		hostname,
		tag,
		bucketName,
		bucketId: text,
		/** `beacon.object`. */
		beaconObject: text,
		deadlineSeconds: seconds,
	}),
	outputs: z.object({
		/** Id of the device at Tailscale. */
		deviceId: text,
		/** IPv4 address on the tailnet. */
		address: text,
		/** Name on the tailnet, with the tailnet's domain. */
		fqdn: text,
	}),
	secrets: [],
	changes: { replace: ["instanceId", "generation"] },
});

/** Does nothing until it is deleted: then it takes the last backup. */
export const lastBackupShape = shape({
	inputs: z.object({
		instanceId: text,
		generation,
		hostname,
		tag,
		bucketName,
		bucketId: text,
	}),
	outputs: z.object({}),
	secrets: [],
	changes: {
		replace: ["instanceId", "generation"],
		update: ["hostname", "tag"],
		deleteBeforeReplace: true,
	},
});

const secretReference = z.object({
	vaultId: text,
	itemId: text,
	/** For people. */
	title: text,
	/** Grows with every change of the item, so a rotated secret is delivered. */
	version: z.int(),
});

/** Where a secret is in 1Password, and which version of it. Its value is read when it is delivered, by our plugin alone. */
export type SecretReference = z.output<typeof secretReference>;

/** What travels to a host over SSH once it is up. The secrets are read from 1Password when they are sent, and nowhere before. */
export const deliveryShape = shape({
	inputs: z.object({
		hostname,
		/** `boot.address`. */
		address: text,
		generation,
		/** What the host's `deliver` takes, as JSON, without secrets. */
		document: text,
		/** What the agent's uid may read, by the name of its file on the host. */
		secrets: z.record(z.string(), secretReference),
		/** What root alone may read. */
		hostSecrets: z.record(z.string(), secretReference),
		/** The same, for what is in no vault: made by this stack, or a setting. */
		hostValues: z.record(z.string(), text),
	}),
	outputs: z.object({
		/** Changes with every delivery that brought something new. */
		deliveryId: text,
	}),
	secrets: ["hostValues"],
	changes: {
		replace: ["generation"],
		update: ["address", "document", "secrets", "hostSecrets", "hostValues"],
	},
});

/** The agent is up: gateway ready, channels connected, state accounted for. */
export const readinessShape = shape({
	inputs: z.object({
		hostname,
		/** `boot.address`. */
		address: text,
		generation,
		/** Any text that changes with every delivery. */
		deliveryId: text,
		deadlineSeconds: seconds,
	}),
	outputs: z.object({
		/** What `moltbot status --json` said, as JSON. */
		summary: text,
		/** When the agent was last seen ready (ISO 8601). */
		readyAt: text,
	}),
	secrets: [],
	changes: {
		replace: ["generation"],
		update: ["address", "deliveryId"],
	},
});

/** All resource types by name. */
export const shapes = {
	Bucket: bucketShape,
	Firewall: firewallShape,
	Generation: generationShape,
	BucketKey: bucketKeyShape,
	Beacon: beaconShape,
	JoinKey: joinKeyShape,
	TailnetPolicy: tailnetPolicyShape,
	TailnetName: tailnetNameShape,
	Instance: instanceShape,
	Boot: bootShape,
	LastBackup: lastBackupShape,
	Delivery: deliveryShape,
	Readiness: readinessShape,
} as const;

/** Name of a resource type, as in the token `moltbot:index:<name>`. */
export type TypeName = keyof typeof shapes;
