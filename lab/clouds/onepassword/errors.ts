import { Refusal } from "../refusal.ts";

/** An answer that is not a success: `{"status": n, "message": text}`. */
export class ConnectError extends Refusal {
	toResponse(): Response {
		return Response.json(
			{ status: this.status, message: this.message },
			{ status: this.status },
		);
	}
}

/** Connect's own words; the Connect OpenAPI document has them as examples. */
export const errors = {
	token: () => new ConnectError(401, "Invalid token signature"),
	noToken: () => new ConnectError(401, "Authentication required"),
	scope: (vault: string) =>
		new ConnectError(403, `vault ${vault} is not in scope`),
	readOnly: () =>
		new ConnectError(403, "token does not have permission to perform update"),
	vault: (vault: string) => new ConnectError(404, `vault ${vault} not found`),
	item: (item: string) => new ConnectError(404, `item ${item} not found`),
	vaultId: () => new ConnectError(400, "Invalid Vault UUID"),
	itemId: () => new ConnectError(400, "Invalid Item UUID"),
	filter: () => new ConnectError(400, "Invalid filter"),
	body: () => new ConnectError(400, "Invalid request body"),
	route: () => new ConnectError(404, "Not Found"),
} as const;
