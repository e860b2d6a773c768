import { Refusal } from "../refusal.ts";

/** An answer that is not a success: `{"error": text, "status": n}`, as the API writes it. */
export class VultrError extends Refusal {
	toResponse(): Response {
		return Response.json(
			{ error: this.message, status: this.status },
			{ status: this.status },
		);
	}
}

/** The API's own words. Where they come from: ../ASSUMPTIONS.md. */
export const errors = {
	token: () => new VultrError(401, "Invalid API token."),
	address: (ip: string) =>
		new VultrError(401, `Unauthorized IP address: ${ip}`),
	forbidden: () => new VultrError(403, "Forbidden."),
	rate: () =>
		new VultrError(429, "Too many requests, please try again in a second."),
	route: () => new VultrError(404, "Not found."),
	body: () => new VultrError(400, "Bad request."),
	uuid: () => new VultrError(400, "Invalid UUID format."),
	region: () => new VultrError(400, "Invalid region."),
	plan: () => new VultrError(400, "Invalid plan chosen."),
	soldOut: () =>
		new VultrError(
			400,
			"Cannot add instance. Plan is not available in the selected region.",
		),
	os: () => new VultrError(400, "Cannot add instance. Invalid os_id"),
	noImage: () =>
		new VultrError(
			400,
			"Cannot add instance. One of os_id, iso_id, snapshot_id, app_id or image_id is required",
		),
	userData: () =>
		new VultrError(400, "Invalid user_data. It must be base64 encoded."),
	hostname: () => new VultrError(400, "Invalid hostname."),
	downgrade: () =>
		new VultrError(400, "Unable to change plan: the upgrade is not available."),
	firewallOfInstance: () => new VultrError(400, "Invalid firewall group."),
	firewall: () => new VultrError(404, "Firewall group ID not found"),
	rule: () => new VultrError(404, "Firewall rule ID not found"),
	ruleBody: (field: string) => new VultrError(400, `Invalid ${field}.`),
	ruleLimit: () =>
		new VultrError(400, "Maximum number of firewall rules reached."),
	sshKey: () => new VultrError(404, "Invalid ssh key."),
	sshKeyBody: () => new VultrError(400, "Invalid ssh key."),
	script: () => new VultrError(404, "Invalid script"),
} as const;
