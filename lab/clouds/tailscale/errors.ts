import { Refusal } from "../refusal.ts";

/** An answer that is not a success: `{"message": text}`. */
export class TailscaleError extends Refusal {
	toResponse(): Response {
		return Response.json({ message: this.message }, { status: this.status });
	}
}

/** The API's own words. Where they come from: ../ASSUMPTIONS.md. */
export const errors = {
	token: () => new TailscaleError(401, "API token invalid"),
	scope: () =>
		new TailscaleError(
			403,
			"calling actor does not have enough permissions to perform this function",
		),
	tailnet: () => new TailscaleError(404, "tailnet not found"),
	device: () =>
		new TailscaleError(404, "no manageable device matching nodeID found"),
	key: () => new TailscaleError(404, "key not found"),
	route: () => new TailscaleError(404, "not found"),
	body: () => new TailscaleError(400, "invalid request body"),
	tags: (tags: readonly string[]) =>
		new TailscaleError(
			400,
			`requested tags [${tags.join(" ")}] are invalid or not permitted`,
		),
	noTags: () =>
		new TailscaleError(400, "tailnet-owned auth key must have tags set"),
	description: () =>
		new TailscaleError(
			400,
			"description may have up to 50 letters, digits, hyphens, underscores and spaces",
		),
	expiry: () =>
		new TailscaleError(400, "expirySeconds must be between 1 and 7776000"),
	client: () => new TailscaleError(401, "API token invalid"),
	policy: (reason: string) => new TailscaleError(400, reason),
	precondition: () =>
		new TailscaleError(412, "precondition failed, invalid old hash"),
	policyElsewhere: () =>
		new TailscaleError(
			403,
			"the policy file of this tailnet is managed elsewhere",
		),
} as const;
