import type { B2 } from "../provider/clients/b2.ts";
import type { Settings } from "../settings.ts";
import { type Finding, fault } from "./finding.ts";
import { texts } from "./texts.ts";

/** What the operator's key must be able to do: make the bucket, its rules, the host's key, and the claims in it. */
const needed = [
	"listBuckets",
	"writeBuckets",
	"listKeys",
	"writeKeys",
	"deleteKeys",
	"listFiles",
	"readFiles",
	"writeFiles",
];

/** The operator's key and its rights. */
export async function backblazeFindings(
	b2: B2,
	{ objectLock }: Pick<Settings, "objectLock">,
): Promise<Finding[]> {
	const { capabilities, bucketName, namePrefix } = await b2.rights();
	const missing = [
		...needed,
		...(objectLock ? ["writeBucketRetentions"] : []),
	].filter((capability) => !capabilities.includes(capability));
	const findings: Finding[] = [];
	if (missing.length > 0) findings.push(fault(texts.b2Rights(missing)));
	if (bucketName !== undefined)
		findings.push(fault(texts.b2OneBucket(bucketName)));
	if (namePrefix) findings.push(fault(texts.b2Prefix(namePrefix)));
	return findings;
}
