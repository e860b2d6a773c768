import { ProgramError } from "./errors.ts";
import { B2 } from "./provider/clients/b2.ts";
import { Http } from "./provider/http.ts";
import { claimName, claimSchema } from "./provider/objects.ts";
import type { Settings } from "./settings.ts";

const deadline = 60_000;

/**
 * Passes the fingerprint on only if it is that of the living VM: where no new one can be had, the old one must not be
 * given up for it.
 * @param reason why Vultr would refuse a new VM
 * @throws ProgramError `replacement-impossible`
 */
export async function keptFingerprint(
	{ bucket }: Pick<Settings, "bucket">,
	bucketId: string,
	fingerprint: string,
	reason: string,
): Promise<string> {
	const b2 = new B2(new Http(AbortSignal.timeout(deadline)), process.env);
	const { highestClaim } = await import("./provider/resources/generation.ts");
	const claim = await highestClaim({ b2 }, bucketId);
	const written =
		claim && (await b2.download(bucket, claimName(claim.number), claimSchema));
	if (written?.fingerprint === fingerprint) return fingerprint;
	throw new ProgramError(
		"replacement-impossible",
		`This change needs a new VM, and none can be had: ${reason} Nothing was changed and the VM goes on; wait, or choose another plan or region.`,
	);
}
