import { XMLBuilder, XMLParser } from "fast-xml-parser";
import type { z } from "zod";
import { S3Error } from "./errors.ts";

const builder = new XMLBuilder({ ignoreAttributes: false });
const parser = new XMLParser({
	parseTagValue: false,
	// Go clients write quotes as numeric entities.
	htmlEntities: true,
	isArray: (name) => name === "Object" || name === "Part",
});

/** An XML answer of the S3 endpoint. */
export function xml(
	root: string,
	content: object,
	status = 200,
	headers: Record<string, string> = {},
): Response {
	const body = builder.build({
		[root]: {
			...(root === "Error"
				? {}
				: { "@_xmlns": "http://s3.amazonaws.com/doc/2006-03-01/" }),
			...content,
		},
	});
	return new Response(
		`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${body}`,
		{ status, headers: { "content-type": "application/xml", ...headers } },
	);
}

/** Reads an XML body against a schema, or refuses as S3 does. */
export async function readXml<S extends z.ZodType>(
	source: AsyncIterable<Uint8Array>,
	schema: S,
): Promise<z.output<S>> {
	const chunks: Uint8Array[] = [];
	for await (const chunk of source) chunks.push(chunk);
	const text = Buffer.concat(chunks).toString();
	try {
		return schema.parse(parser.parse(text));
	} catch {
		throw new S3Error(
			400,
			"MalformedXML",
			"The XML you provided was not well-formed or did not validate against our published schema",
		);
	}
}
