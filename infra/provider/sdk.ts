/**
 * The resource classes that the program uses. Credentials come from the environment, never from here:
 * `VULTR_API_KEY`; `TAILSCALE_API_KEY`, or `TAILSCALE_OAUTH_CLIENT_ID` and `TAILSCALE_OAUTH_CLIENT_SECRET`, with
 * `TAILSCALE_TAILNET`; `B2_APPLICATION_KEY_ID` and `B2_APPLICATION_KEY`.
 *
 * Order: firewall ← bucketKey ← tailnetKey ← tailnetName ← instance ← lastBackup by `dependsOn`; the engine deletes in
 * the opposite direction. A replacement begins at `Generation`, which deletes before it creates, and reaches every
 * resource whose inputs come from it; so pass `generation.number`, `generation.fingerprint` and `instance.id` on as
 * outputs, never as copied values.
 */
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import type { Shape, shapes, TypeName } from "./shapes.ts";

type Shapes = typeof shapes;

/** Constructor arguments of a resource type; what each means stands in `shapes.ts`. */
export type Args<T extends TypeName> = ArgsOf<Shapes[T]>;
type ArgsOf<S extends Shape> = {
	[K in keyof z.input<S["inputs"]>]: pulumi.Input<z.input<S["inputs"]>[K]>;
};

/** Options that a resource class sets by itself. */
interface Own {
	/** Outputs that are not inputs: unknown until the resource exists. */
	readonly computed: readonly string[];
	readonly secret?: string[];
	readonly deleteBeforeReplace?: boolean;
}

abstract class MoltbotResource extends pulumi.CustomResource {
	constructor(
		type: TypeName,
		name: string,
		args: object,
		options: pulumi.CustomResourceOptions | undefined,
		own: Own,
	) {
		const computed = Object.fromEntries(
			own.computed.map((key) => [key, undefined]),
		);
		const defaults: pulumi.CustomResourceOptions = {};
		if (own.secret) defaults.additionalSecretOutputs = own.secret;
		if (own.deleteBeforeReplace) defaults.deleteBeforeReplace = true;
		super(
			`moltbot:index:${type}`,
			name,
			{ ...computed, ...args },
			pulumi.mergeOptions(defaults, options),
		);
	}
}

/**
 * A private bucket for backups, marked as ours. An existing bucket is adopted only with our mark. Never deleted:
 * destroy leaves the bucket and its history.
 */
export class Bucket extends MoltbotResource {
	declare readonly name: pulumi.Output<string>;
	declare readonly retentionDays: pulumi.Output<number>;
	declare readonly bucketId: pulumi.Output<string>;
	/** URL of the S3 endpoint, with scheme. */
	declare readonly s3Endpoint: pulumi.Output<string>;
	declare readonly region: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"Bucket">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Bucket", name, args, options, {
			computed: ["bucketId", "s3Endpoint", "region"],
		});
	}
}

/** A firewall group that lets nothing in; its id is what an instance is put behind. */
export class Firewall extends MoltbotResource {
	declare readonly description: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"Firewall">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Firewall", name, args, options, { computed: [] });
	}
}

/**
 * The number a host lives under, claimed in the bucket. A changed fingerprint, or a claim whose host never joined
 * within the hour, leads to a new number, and everything that carries the number is replaced: old first, new after.
 */
export class Generation extends MoltbotResource {
	declare readonly number: pulumi.Output<number>;
	/** Fingerprint of the claim; pass this one on, not the one you computed. */
	declare readonly fingerprint: pulumi.Output<string>;
	declare readonly claimedAt: pulumi.Output<string>;
	declare readonly adopted: pulumi.Output<boolean>;

	constructor(
		name: string,
		args: Args<"Generation">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Generation", name, args, options, {
			computed: ["number", "claimedAt", "adopted"],
			deleteBeforeReplace: true,
		});
	}
}

/** A Backblaze application key for one bucket. */
export class BucketKey extends MoltbotResource {
	declare readonly name: pulumi.Output<string>;
	declare readonly keyId: pulumi.Output<string>;
	/** Secret. */
	declare readonly key: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"BucketKey">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("BucketKey", name, args, options, {
			computed: ["keyId", "key"],
			secret: ["key"],
		});
	}
}

/** A presigned URL that a booting host reports to, valid for one hour. */
export class Beacon extends MoltbotResource {
	/** Secret. */
	declare readonly url: pulumi.Output<string>;
	/** Name of the object in the bucket. */
	declare readonly object: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"Beacon">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Beacon", name, args, options, {
			computed: ["url", "object"],
			secret: ["url", "key"],
		});
	}
}

/** The host's name on the tailnet: cleared of left-over devices on create and on delete. */
export class TailnetName extends MoltbotResource {
	/** Pass this one to `Instance`, so that a replacement deletes the VM before its name. */
	declare readonly hostname: pulumi.Output<string>;
	declare readonly tag: pulumi.Output<string>;
	declare readonly generation: pulumi.Output<number>;

	constructor(
		name: string,
		args: Args<"TailnetName">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("TailnetName", name, args, options, {
			computed: [],
			deleteBeforeReplace: true,
		});
	}
}

/** A VM at Vultr, found again by its tags after an interruption. */
export class Instance extends MoltbotResource {
	declare readonly region: pulumi.Output<string>;
	declare readonly plan: pulumi.Output<string>;
	declare readonly label: pulumi.Output<string>;
	declare readonly hostname: pulumi.Output<string>;
	declare readonly generation: pulumi.Output<number>;
	declare readonly mainIp: pulumi.Output<string>;
	/** Empty without IPv6. */
	declare readonly v6MainIp: pulumi.Output<string>;
	declare readonly dateCreated: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"Instance">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Instance", name, args, options, {
			computed: ["mainIp", "v6MainIp", "dateCreated"],
			secret: ["userData"],
			deleteBeforeReplace: true,
		});
	}
}

/** Created when the host has joined the tailnet and answers on SSH. */
export class Boot extends MoltbotResource {
	declare readonly deviceId: pulumi.Output<string>;
	/** IPv4 address on the tailnet. */
	declare readonly address: pulumi.Output<string>;
	/** Name on the tailnet with its domain. */
	declare readonly fqdn: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"Boot">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Boot", name, args, options, {
			computed: ["deviceId", "address", "fqdn"],
		});
	}
}

/**
 * Takes the last backup when it is deleted, on destroy and on replacement alike. Must depend on the instance, and
 * nothing that the backup needs may depend on it.
 */
export class LastBackup extends MoltbotResource {
	constructor(
		name: string,
		args: Args<"LastBackup">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("LastBackup", name, args, options, {
			computed: [],
			deleteBeforeReplace: true,
		});
	}
}

/** Created and updated when the agent is truly up; a refresh asks again and fails on a dead agent. */
export class Readiness extends MoltbotResource {
	/** What `moltbot status --json` said, as JSON. */
	declare readonly summary: pulumi.Output<string>;
	declare readonly readyAt: pulumi.Output<string>;

	constructor(
		name: string,
		args: Args<"Readiness">,
		options?: pulumi.CustomResourceOptions,
	) {
		super("Readiness", name, args, options, {
			computed: ["summary", "readyAt"],
		});
	}
}
