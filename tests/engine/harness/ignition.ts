import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { unpacked } from "../../../infra/testing.ts";

const documentSchema = z.object({
	storage: z.object({
		files: z.array(
			z.object({
				path: z.string(),
				contents: z
					.object({
						source: z.string().optional(),
						compression: z.string().nullish(),
					})
					.optional(),
			}),
		),
	}),
});

/** The files of an Ignition document, by path. */
export function filesOf(userData: Buffer): Map<string, string> {
	const { storage } = documentSchema.parse(
		JSON.parse(unpacked(userData.toString())),
	);
	return new Map(
		storage.files.map(({ path, contents }) => {
			const bytes = dataOf(contents?.source ?? "data:,");
			const whole =
				contents?.compression === "gzip" ? gunzipSync(bytes) : bytes;
			return [path, whole.toString()];
		}),
	);
}

/** Content of a `data:` URL (RFC 2397). */
function dataOf(url: string): Buffer {
	const match = /^data:[^,]*?(?<base64>;base64)?,(?<text>[\s\S]*)$/.exec(url);
	if (!match?.groups) throw new Error(`not a data URL: ${url.slice(0, 80)}`);
	const text = decodeURIComponent(match.groups.text ?? "");
	return Buffer.from(text, match.groups.base64 ? "base64" : "utf8");
}
