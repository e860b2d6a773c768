// The host document of the sample values, taken apart for the checks of this folder.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { moltbot } from "../../infra/platforms/moltbot.ts";
import { renderHost, repository, withoutComments } from "../../infra/render.ts";
import { fillIn, placeholdersOf } from "../../infra/template.ts";
import { sampleValues, unpacked } from "../../infra/testing.ts";

/** As it is sent, and without compression. */
export const documents = {
	compressed: renderHost(moltbot.id, sampleValues, { compress: true }),
	plain: renderHost(moltbot.id, sampleValues, { compress: false }),
};

/** The Butane documents it is made from. */
export const butaneFiles = ["host", moltbot.id].map(
	(name) => `butane/${name}.bu`,
);

/** Writes the Butane documents and the files they name below `folder`, with every placeholder filled in, as they land on a host. */
export function fillInto(folder: string): void {
	for (const file of butaneFiles) {
		const text = fill(file);
		write(folder, file, text);
		for (const [, local = ""] of text.matchAll(/\blocal: ([^\s}]+)/g))
			write(folder, local, withoutComments(local, fill(local)));
	}
}

function fill(file: string): string {
	const text = readFileSync(repository + file, "utf8");
	const asked: readonly string[] = placeholdersOf(text);
	const values = Object.entries(sampleValues).filter(([k]) =>
		asked.includes(k),
	);
	return fillIn(file, text, Object.fromEntries(values));
}

/** Writes a file and the folders above it. */
export function write(
	folder: string,
	path: string,
	content: string | Buffer,
	mode = 0o644,
): void {
	const target = join(folder, path);
	mkdirSync(dirname(target), { recursive: true });
	writeFileSync(target, content, { mode });
}

const ignitionSchema = z.looseObject({
	storage: z.looseObject({
		files: z.array(
			z.looseObject({
				path: z.string(),
				mode: z.number().optional(),
				contents: z
					.looseObject({
						source: z.string().optional(),
						compression: z.string().nullish(),
					})
					.optional(),
			}),
		),
		links: z
			.array(z.looseObject({ path: z.string(), target: z.string() }))
			.default([]),
	}),
});

export type Ignition = z.output<typeof ignitionSchema>;

/** An Ignition document whose files are in clear: compression is a choice of who wrote it, the content is not. */
export function readIgnition(json: string): Ignition {
	const document = ignitionSchema.parse(JSON.parse(unpacked(json)));
	for (const file of document.storage.files)
		file.contents = { source: contentOf(file).toString() };
	return document;
}

/** What stands in a file. */
export function contentOf(file: Ignition["storage"]["files"][number]): Buffer {
	const { source = "data:,", compression } = file.contents ?? {};
	const match = /^data:[^,]*?(;base64)?,([\s\S]*)$/.exec(source);
	if (!match) return Buffer.from(source);
	const bytes = Buffer.from(
		decodeURIComponent(match[2] ?? ""),
		match[1] ? "base64" : "utf8",
	);
	return compression === "gzip" ? gunzipSync(bytes) : bytes;
}
