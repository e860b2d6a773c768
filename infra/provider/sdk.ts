/**
 * The resource classes that the program uses. Credentials come from the environment, never from here:
 * `VULTR_API_KEY`; `TAILSCALE_API_KEY`, or `TAILSCALE_OAUTH_CLIENT_ID` and `TAILSCALE_OAUTH_CLIENT_SECRET`, with
 * `TAILSCALE_TAILNET`; `B2_APPLICATION_KEY_ID` and `B2_APPLICATION_KEY`; `OP_CONNECT_HOST` and `OP_CONNECT_TOKEN`, or
 * `OP_SERVICE_ACCOUNT_TOKEN`.
 *
 * Order: firewall ← bucketKey ← joinKey ← tailnetName ← instance ← lastBackup by `dependsOn`; the engine deletes in
 * the opposite direction. A replacement begins at `Generation`, which deletes before it creates, and reaches every
 * resource whose inputs come from it; so pass `generation.number`, `generation.fingerprint` and `instance.id` on as
 * outputs, never as copied values.
 */

import type { z } from "zod";
import * as pulumi from "../pulumi.ts";
import { type Shape, shapes, type TypeName } from "./shapes.ts";

/**
 * Our own plugin, named. The default one would take the settings of the stack for its own, because both are called `moltbot`, and
 * every changed setting would show up as a change of the plugin.
 */
export class Plugin extends pulumi.ProviderResource {
	constructor(name: string) {
		super("moltbot", name, {});
	}
}

type Shapes = typeof shapes;

/** Constructor arguments of a resource type; what each means stands in `shapes.ts`. */
export type Args<T extends TypeName> = ArgsOf<Shapes[T]>;
type ArgsOf<S extends Shape> = {
	[K in keyof z.input<S["inputs"]>]: pulumi.Input<z.input<S["inputs"]>[K]>;
};

/** The class of a resource type: what it computes and keeps secret, and how it is replaced, is what its shape says. */
function resource<T extends TypeName>(type: T) {
	const { outputs, secrets, changes }: Shape = shapes[type];
	// Unknown until the resource exists.
	const computed = Object.fromEntries(
		Object.keys(outputs.shape).map((key) => [key, undefined]),
	);
	const defaults: pulumi.CustomResourceOptions = {
		...(secrets.length > 0 ? { additionalSecretOutputs: [...secrets] } : {}),
		...(changes.deleteBeforeReplace ? { deleteBeforeReplace: true } : {}),
	};
	return class extends pulumi.CustomResource {
		constructor(
			name: string,
			args: Args<T>,
			options?: pulumi.CustomResourceOptions,
		) {
			super(
				`moltbot:index:${type}`,
				name,
				{ ...computed, ...args },
				pulumi.mergeOptions(defaults, options),
			);
		}
	};
}

/**
 * A private bucket for backups, marked as ours. An existing bucket is adopted only with our mark. Never deleted:
 * destroy leaves the bucket and its history.
 */
export class Bucket extends resource("Bucket") {
	declare readonly name: pulumi.Output<string>;
	declare readonly retentionDays: pulumi.Output<number>;
	declare readonly bucketId: pulumi.Output<string>;
	/** URL of the S3 endpoint, with scheme. */
	declare readonly s3Endpoint: pulumi.Output<string>;
	declare readonly region: pulumi.Output<string>;
}

/** A firewall group that lets nothing in; its id is what an instance is put behind. */
export class Firewall extends resource("Firewall") {
	declare readonly description: pulumi.Output<string>;
}

/**
 * The number a host lives under, claimed in the bucket. A changed fingerprint, or a claim whose host never joined
 * within the hour, leads to a new number, and everything that carries the number is replaced: old first, new after.
 */
export class Generation extends resource("Generation") {
	declare readonly number: pulumi.Output<number>;
	/** Fingerprint of the claim; pass this one on, not the one you computed. */
	declare readonly fingerprint: pulumi.Output<string>;
	declare readonly claimedAt: pulumi.Output<string>;
	declare readonly adopted: pulumi.Output<boolean>;
}

/** A Backblaze application key for one bucket. */
export class BucketKey extends resource("BucketKey") {
	declare readonly name: pulumi.Output<string>;
	declare readonly keyId: pulumi.Output<string>;
	/** Secret. */
	declare readonly key: pulumi.Output<string>;
}

/** A presigned URL that a booting host reports to, valid for one hour. */
export class Beacon extends resource("Beacon") {
	/** Secret. */
	declare readonly url: pulumi.Output<string>;
	/** Name of the object in the bucket. */
	declare readonly object: pulumi.Output<string>;
}

/** What a host joins the tailnet with: good for one device and a short time. */
export class JoinKey extends resource("JoinKey") {
	/** Secret. */
	declare readonly key: pulumi.Output<string>;
}

/** The policy file of the tailnet, where a setting says that it belongs to this stack. A destroy leaves it. */
export class TailnetPolicy extends resource("TailnetPolicy") {}

/** The host's name on the tailnet: cleared of left-over devices on create and on delete. */
export class TailnetName extends resource("TailnetName") {
	/** Pass this one to `Instance`, so that a replacement deletes the VM before its name. */
	declare readonly hostname: pulumi.Output<string>;
	declare readonly tag: pulumi.Output<string>;
	declare readonly generation: pulumi.Output<number>;
}

/** A VM at Vultr, found again by its tags after an interruption. */
export class Instance extends resource("Instance") {
	declare readonly region: pulumi.Output<string>;
	declare readonly plan: pulumi.Output<string>;
	declare readonly label: pulumi.Output<string>;
	declare readonly hostname: pulumi.Output<string>;
	declare readonly generation: pulumi.Output<number>;
	declare readonly mainIp: pulumi.Output<string>;
	/** Empty without IPv6. */
	declare readonly v6MainIp: pulumi.Output<string>;
	declare readonly dateCreated: pulumi.Output<string>;
}

/** Created when the host has joined the tailnet and answers on SSH. */
export class Boot extends resource("Boot") {
	declare readonly deviceId: pulumi.Output<string>;
	/** IPv4 address on the tailnet. */
	declare readonly address: pulumi.Output<string>;
	/** Name on the tailnet with its domain. */
	declare readonly fqdn: pulumi.Output<string>;
}

/**
 * Takes the last backup when it is deleted, on destroy and on replacement alike. Must depend on the instance, and
 * nothing that the backup needs may depend on it.
 */
export class LastBackup extends resource("LastBackup") {}

/**
 * Sends secrets, files and versions to the host whenever one of them changes. Secrets come as references: the plugin reads them from
 * 1Password when it sends them, so neither the engine nor the state ever has one.
 */
export class Delivery extends resource("Delivery") {
	/** Changes with every delivery. */
	declare readonly deliveryId: pulumi.Output<string>;
}

/** Created and updated when the agent is truly up; a refresh asks again and fails on a dead agent. */
export class Readiness extends resource("Readiness") {
	/** What `moltbot status --json` said, as JSON. */
	declare readonly summary: pulumi.Output<string>;
	declare readonly readyAt: pulumi.Output<string>;
}
