/** Backblaze B2: writing a file, to a URL that is asked for anew each time. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { isApiError } from "../errors.ts";
import type { Http } from "../http.ts";
import { apis } from "../messages.ts";
import { type B2File, fileSchema } from "./b2Schemas.ts";
import { type B2Session, fault } from "./b2Session.ts";

const attempts = 5;

interface Upload {
	readonly bucketId: string;
	/** Name of the file in the bucket. */
	readonly name: string;
	readonly content: string;
}

/** Writes a small file; gives its new version. */
export async function upload(
	http: Http,
	session: B2Session,
	file: Upload,
): Promise<B2File> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await uploadOnce(http, session, file);
		} catch (error) {
			// Backblaze wants a new upload URL after a failure, not the same one again. A second version with the same
			// content does no harm: readers take the newest, claims the oldest.
			const again =
				isApiError(error, "unavailable") ||
				isApiError(error, "network") ||
				isApiError(error, "timeout");
			if (!again || attempt >= attempts) throw error;
		}
	}
}

async function uploadOnce(
	http: Http,
	session: B2Session,
	{ bucketId, name, content }: Upload,
): Promise<B2File> {
	const doing = `writing ${name} into the bucket`;
	const { uploadUrl, authorizationToken } = await session.call(
		"b2_get_upload_url",
		doing,
		{ bucketId },
		z.object({ uploadUrl: z.url(), authorizationToken: z.string() }),
	);
	const bytes = new TextEncoder().encode(content);
	const { data } = await http.send({
		api: apis.b2,
		doing,
		method: "POST",
		url: uploadUrl,
		headers: {
			authorization: authorizationToken,
			"x-bz-file-name": name.split("/").map(encodeURIComponent).join("/"),
			"content-type": "application/json",
			"x-bz-content-sha1": createHash("sha1").update(bytes).digest("hex"),
		},
		body: bytes,
		schema: fileSchema,
		again: "never",
		fault,
	});
	return data;
}
