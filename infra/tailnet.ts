import { JoinKey, TailnetName, TailnetPolicy } from "./provider/sdk.ts";
import * as pulumi from "./pulumi.ts";
import type { Settings } from "./settings.ts";
import { policyText } from "./tailnetPolicy.ts";

/** How the host comes into the tailnet. */
export interface TailnetEntry {
	/** One-off, for this host alone, good for an hour; the only secret of user-data beside the beacon. */
	readonly key: JoinKey;
	/** The name, cleared of what earlier hosts left. */
	readonly name: TailnetName;
}

const joinKeySeconds = 3600;
/** Tailscale cuts nothing itself: a longer description is refused. */
const maxDescription = 50;

/**
 * Makes the join key and clears the host's name. Not ephemeral: an ephemeral device is removed an hour after it went
 * offline and could not come back. A new generation brings a new key, because the description names it.
 */
export function tailnetEntry(
	settings: Settings,
	generation: pulumi.Output<number>,
	options: pulumi.CustomResourceOptions,
): TailnetEntry {
	const { hostname, tag, bucket: bucketName } = settings;
	const policy = settings.tailnetPolicy
		? [
				new TailnetPolicy(
					"tailnet-policy",
					{ policy: policyText(settings) },
					options,
				),
			]
		: [];
	const key = new JoinKey(
		"join-key",
		{
			description:
				pulumi.interpolate`moltbot g${generation} ${bucketName}`.apply((text) =>
					text.slice(0, maxDescription),
				),
			tag,
			expirySeconds: joinKeySeconds,
		},
		// A key may only carry a tag that the policy knows.
		pulumi.mergeOptions(options, { dependsOn: policy }),
	);
	const name = new TailnetName(
		"tailnet-name",
		{ hostname, tag, bucketName, generation },
		{ ...options, dependsOn: [key] },
	);
	return { key, name };
}
