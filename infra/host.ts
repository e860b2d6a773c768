import { backupBucket, hostKey } from "./bucket.ts";
import { keptFingerprint } from "./capacity.ts";
import { egressList } from "./egress.ts";
import { osScopeOf, ucoreSigningKey } from "./os.ts";
import { type Platform, platformValues } from "./platforms/platform.ts";
import type { Facts } from "./preflight.ts";
import {
	Beacon,
	Boot,
	type Bucket,
	type BucketKey,
	Firewall,
	Generation,
	Instance,
	LastBackup,
	type Plugin,
} from "./provider/sdk.ts";
import * as pulumi from "./pulumi.ts";
import { fingerprintOf, renderHost } from "./render.ts";
import type { Settings } from "./settings.ts";
import { tailnetEntry } from "./tailnet.ts";
import type { Values } from "./template.ts";

/** Folder of the restic repository in the bucket; other folders hold claims, births and the beacon. */
const bucketPrefix = "restic";

/** The VM, its closed firewall, its identity, and the moment it lets us in. */
export class Host extends pulumi.ComponentResource {
	readonly bucket: Bucket;
	readonly backupKey: BucketKey;
	readonly generation: pulumi.Output<number>;
	readonly boot: Boot;
	readonly lastBackup: LastBackup;

	constructor(
		platform: Platform,
		settings: Settings,
		facts: Facts,
		plugin: Plugin,
	) {
		super("moltbot:host:Host", settings.hostname, {}, { providers: [plugin] });
		const options = { parent: this };
		const { hostname, tag, bucket: bucketName } = settings;

		this.bucket = backupBucket(settings, options);
		const values = pulumi
			.all([this.bucket.s3Endpoint, this.bucket.region])
			.apply(([s3Endpoint, s3Region]) =>
				timelessValues(platform, settings, s3Endpoint, s3Region),
			);
		const fingerprint = values.apply((v) =>
			fingerprintOf(platform.id, v, traitsOf(settings)),
		);
		const { noNewVm } = facts;
		const generation = new Generation(
			"generation",
			{
				bucketName,
				bucketId: this.bucket.bucketId,
				hostname,
				fingerprint:
					noNewVm === undefined
						? fingerprint
						: pulumi
								.all([this.bucket.bucketId, fingerprint])
								.apply(([id, wanted]) =>
									keptFingerprint(settings, id, wanted, noNewVm),
								),
			},
			options,
		);
		this.generation = generation.number;

		// Deleted in the opposite order: VM, its device, join key, backup key, firewall.
		const firewall = new Firewall(
			"firewall",
			{ description: `moltbot ${bucketName}: nothing comes in` },
			// Nothing is made where the bucket is refused.
			{ ...options, dependsOn: [this.bucket] },
		);
		this.backupKey = hostKey(this.bucket, this.generation, {
			...options,
			dependsOn: [firewall],
		});
		const tailnet = tailnetEntry(settings, this.generation, {
			...options,
			dependsOn: [this.backupKey],
		});
		const beacon = new Beacon(
			"beacon",
			{
				bucketName,
				s3Endpoint: this.bucket.s3Endpoint,
				region: this.bucket.region,
				generation: this.generation,
				keyId: this.backupKey.keyId,
				key: this.backupKey.key,
			},
			options,
		);
		const instance = new Instance(
			"instance",
			{
				region: settings.region,
				plan: settings.plan,
				osId: settings.osId,
				label: hostname,
				hostname: tailnet.name.hostname,
				bucketName,
				generation: this.generation,
				firewallGroupId: firewall.id,
				enableIpv6: true,
				fingerprint: generation.fingerprint,
				userData: pulumi.secret(
					pulumi
						.all([values, this.generation, tailnet.key.key, beacon.url])
						.apply(([v, number, joinKey, beaconUrl]) =>
							renderHost(
								platform.id,
								{ ...v, generation: String(number), joinKey, beaconUrl },
								{ compress: true },
							),
						),
				),
			},
			{ ...options, dependsOn: [tailnet.name, tailnet.key] },
		);
		const identity = {
			instanceId: instance.id,
			generation: this.generation,
			hostname,
			tag,
			bucketName,
			bucketId: this.bucket.bucketId,
		};
		this.boot = new Boot(
			"boot",
			{
				...identity,
				beaconObject: beacon.object,
				deadlineSeconds: settings.bootMinutes * 60,
			},
			options,
		);
		this.lastBackup = new LastBackup("last-backup", identity, {
			...options,
			dependsOn: [this.boot],
		});
		this.registerOutputs({});
	}
}

/** What of the VM itself needs a new one when it changes. */
function traitsOf({ region, plan, osId, hostname, tag }: Settings) {
	return { region, plan, osId, hostname, tag };
}

/** Values of the host document that are known before its birth. */
function timelessValues(
	platform: Platform,
	settings: Settings,
	s3Endpoint: string,
	s3Region: string,
): Values {
	return {
		hostname: settings.hostname,
		tag: settings.tag,
		osImage: settings.osImage,
		osScope: osScopeOf(settings.osImage),
		osSigningKey: settings.osSigningKey || ucoreSigningKey,
		trustedCertificates: settings.trustedCertificates,
		resolvers: settings.resolvers.join(" "),
		egress: egressList(platform, settings).join(" "),
		bucketName: settings.bucket,
		bucketPrefix,
		s3Endpoint,
		s3Region,
		backupMinutes: String(settings.backupMinutes),
		...platformValues(platform),
	};
}
