import type { ClientRequest, IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";

/** An answer, read whole. */
export interface Exchanged {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly text: string;
}

/** Ends a request with this body and reads its answer; an answer that breaks off is an error. */
export function exchange(
	outgoing: ClientRequest,
	body?: string,
): Promise<Exchanged> {
	return new Promise((resolve, reject) => {
		outgoing.on("error", reject);
		outgoing.on("response", (incoming) => {
			const { statusCode: status = 0, headers } = incoming;
			text(incoming).then((text) => resolve({ status, headers, text }), reject);
		});
		outgoing.end(body);
	});
}
