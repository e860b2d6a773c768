import { gzipSync } from "node:zlib";
import { z } from "zod";

const documentSchema = z.looseObject({
	ignition: z.looseObject({ version: z.string() }),
	storage: z
		.looseObject({
			files: z
				.array(
					z.looseObject({
						contents: z
							.looseObject({
								source: z.string().optional(),
								compression: z.string().nullish(),
							})
							.optional(),
					}),
				)
				.optional(),
		})
		.optional(),
});

/**
 * Packs an Ignition document for user-data: as one compressed document inside a small one, which Ignition unpacks itself
 * (`ignition.config.replace`). Many short files compress half as well one by one.
 */
export function packed(json: string): string {
	const document = documentSchema.parse(JSON.parse(json));
	for (const { contents } of document.storage?.files ?? [])
		if (contents?.source !== undefined && !contents.compression)
			contents.source = readable(contents.source);
	const body = gzipSync(JSON.stringify(document), { level: 9 });
	const replace = {
		compression: "gzip",
		source: `data:;base64,${body.toString("base64")}`,
	};
	const { version } = document.ignition;
	return `${JSON.stringify({ ignition: { config: { replace }, version } })}\n`;
}

/**
 * The same data URL with as little of it escaped as Ignition's reader insists on: text that looks like text compresses
 * better than Base64. What is no UTF-8 text stays as it is.
 */
function readable(source: string): string {
	const match = /^data:(;base64)?,([\s\S]*)$/.exec(source);
	if (!match) return source;
	const [, base64, body = ""] = match;
	const bytes = base64
		? Buffer.from(body, "base64")
		: Buffer.from(decodeURIComponent(body));
	const text = bytes.toString();
	if (!Buffer.from(text).equals(bytes)) return source;
	return `data:,${text.replace(/[\p{Cc} <>#"{}|\\^[\]`%]|[^\p{ASCII}]/gu, encodeURIComponent)}`;
}
