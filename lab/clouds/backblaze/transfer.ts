import { Readable } from "node:stream";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { type Context, Hono } from "hono";
import { allows } from "./access.ts";
import type { Staged } from "./blobs.ts";
import { B2Error, badRequest, unauthorized } from "./errors.ts";
import type { FileVersion, Key, Retention } from "./model.ts";
import { type Addresses, bearer, Call } from "./native.ts";
import { parseRange } from "./ranges.ts";
import type { Storage } from "./storage.ts";
import { fileView, partView } from "./views.ts";

const sha1Length = 40;

/** Uploads and downloads of the native API, which carry bytes instead of JSON. */
export function transfers(storage: Storage, addresses: Addresses): Hono {
	const app = new Hono();
	app.post("/b2api/:version{v[1-4]}/b2_upload_file/:bucket/:pod", (c) =>
		uploadFile(c, storage, addresses),
	);
	app.post("/b2api/:version{v[1-4]}/b2_upload_part/:file/:pod", (c) =>
		uploadPart(c, storage),
	);
	app.get("/b2api/:version{v[1-4]}/b2_download_file_by_id", (c) => {
		const id = c.req.query("fileId") ?? "";
		const file = storage.file(id);
		if (file?.action !== "upload")
			throw new B2Error(404, "not_found", `File not present: ${id}`);
		return download(c, storage, file);
	});
	app.get("/file/:bucket/*", (c) => {
		const [, , bucketName = "", ...rest] = new URL(c.req.url).pathname.split(
			"/",
		);
		const name = decodeName(rest.join("/"));
		const bucket = storage.bucketNamed(bucketName);
		const file = bucket && storage.newest(bucket.id, name);
		if (file?.action !== "upload") {
			// Only who may read learns that there is nothing.
			if (bucket) readable(c, storage, bucket.id, name);
			throw new B2Error(
				404,
				"not_found",
				`File with such name does not exist.`,
			);
		}
		return download(c, storage, file);
	});
	return app;
}

/** The bytes of a request. */
export function bytesOf(request: Request): AsyncIterable<Uint8Array> {
	return request.body ?? Readable.from([]);
}

async function uploadFile(c: Context, storage: Storage, addresses: Addresses) {
	const { token, key } = bearer(
		storage,
		c.req.header("authorization"),
		"upload",
	);
	const name = decodeName(c.req.header("x-bz-file-name") ?? "");
	const bucket =
		token.bucket === null ? undefined : storage.bucket(token.bucket);
	if (!bucket || bucket.id !== c.req.param("bucket")) throw badUploadToken();
	if (!allows(key, "writeFiles", { bucket: bucket.id, name }))
		throw unauthorized();
	if (name === "" || Buffer.byteLength(name) > 1024)
		throw badRequest("File names must be 1 to 1024 bytes of UTF-8");
	const retention = retentionOf(c);
	if (retention && !allows(key, "writeFileRetentions", {}))
		throw unauthorized();
	const hold = c.req.header("x-bz-file-legal-hold") === "on";
	if (hold && !allows(key, "writeFileLegalHolds", {})) throw unauthorized();
	const content = await receive(c, storage);
	const type = c.req.header("content-type") ?? "b2/x-auto";
	const file = storage.addVersion(
		bucket,
		"upload",
		{
			name,
			type: type === "b2/x-auto" ? "application/octet-stream" : type,
			info: infoOf(c.req.raw.headers),
			retention,
			hold,
		},
		content,
	);
	const call = new Call(storage, addresses, 4, key, {});
	return c.json(fileView(file, bucket, call.key));
}

async function uploadPart(c: Context, storage: Storage) {
	const { token } = bearer(storage, c.req.header("authorization"), "part");
	const file = token.file === null ? undefined : storage.file(token.file);
	const number = Number(c.req.header("x-bz-part-number"));
	if (!file || file.id !== c.req.param("file")) throw badUploadToken();
	if (file.action !== "start")
		throw badRequest(`No active upload for: ${file.id}`);
	if (!Number.isInteger(number) || number < 1 || number > 10_000)
		throw badRequest("X-Bz-Part-Number must be a number from 1 to 10000");
	const content = await receive(c, storage);
	return c.json(partView(file.id, storage.addPart(file.id, number, content)));
}

/** Stages the body and checks the SHA-1 that came with it, in the header or behind the bytes. */
async function receive(c: Context, storage: Storage): Promise<Staged> {
	const claim = c.req.header("x-bz-content-sha1");
	if (claim === undefined)
		throw badRequest("Missing header: X-Bz-Content-Sha1");
	const tail = { text: "" };
	const body = bytesOf(c.req.raw);
	const staged = await storage.blobs.stage(
		claim === "hex_digits_at_end" ? withoutTail(body, tail) : body,
	);
	const expected =
		claim === "hex_digits_at_end"
			? tail.text
			: claim.replace(/^unverified:/, "");
	if (expected !== "do_not_verify" && expected.toLowerCase() !== staged.sha1) {
		storage.blobs.discard(staged);
		throw badRequest("Sha1 did not match data received");
	}
	return staged;
}

/** Passes on all but the last 40 bytes, which are the SHA-1 in hex. */
async function* withoutTail(
	source: AsyncIterable<Uint8Array>,
	tail: { text: string },
): AsyncGenerator<Uint8Array> {
	let rest = Buffer.alloc(0);
	for await (const chunk of source) {
		rest = Buffer.concat([rest, chunk]);
		const whole = rest.length - sha1Length;
		if (whole <= 0) continue;
		yield rest.subarray(0, whole);
		rest = rest.subarray(whole);
	}
	tail.text = rest.toString("latin1");
}

/** Answers with the bytes of a version, whole or a range. */
function download(c: Context, storage: Storage, file: FileVersion): Response {
	readable(c, storage, file.bucket, file.name);
	const headers = new Headers({
		"accept-ranges": "bytes",
		"cache-control": "max-age=0, no-cache, no-store",
		"content-type": file.type,
		"x-bz-content-sha1": file.sha1 ?? "none",
		"x-bz-file-id": file.id,
		"x-bz-file-name": encodeURIComponent(file.name).replaceAll("%2F", "/"),
		"x-bz-upload-timestamp": String(file.uploaded),
	});
	for (const [name, value] of Object.entries(file.info))
		headers.set(`x-bz-info-${name}`, encodeURIComponent(value));
	const range = parseRange(c.req.header("range"), file.size);
	if (range === "unsatisfiable")
		throw new B2Error(
			416,
			"range_not_satisfiable",
			"The Range in the request is outside the size of the file",
		);
	return content(c, storage, file, range, headers);
}

/** Streams a version; shared with the S3 endpoint. */
export function content(
	c: Context,
	storage: Storage,
	file: FileVersion,
	range: { start: number; end: number } | undefined,
	headers: Headers,
): Response {
	const { start, end } = range ?? { start: 0, end: file.size - 1 };
	headers.set("content-length", String(end - start + 1));
	if (range) headers.set("content-range", `bytes ${start}-${end}/${file.size}`);
	const body =
		c.req.method === "HEAD"
			? null
			: webStream(storage.blobs.read(storage.parts(file.id), start, end));
	return new Response(body, { status: range ? 206 : 200, headers });
}

function webStream(source: AsyncIterable<Uint8Array>): ReadableStream {
	const stream: NodeStream = Readable.toWeb(
		Readable.from(source, { objectMode: false }),
	);
	return stream as ReadableStream;
}

/** Refuses unless the bucket is public or the token (header or query) may read that name. */
function readable(c: Context, storage: Storage, bucket: string, name: string) {
	if (storage.bucket(bucket)?.type === "allPublic") return;
	const token = c.req.header("authorization") ?? c.req.query("Authorization");
	const found = token === undefined ? undefined : storage.token(token);
	if (found?.kind === "download") {
		bearer(storage, token, "download");
		if (found.bucket !== bucket || !name.startsWith(found.prefix ?? ""))
			throw unauthorized();
		return;
	}
	const { key } = bearer(storage, token, "account");
	if (!ownAndAllowed(storage, key, bucket, name)) throw unauthorized();
}

function ownAndAllowed(
	storage: Storage,
	key: Key,
	bucket: string,
	name: string,
) {
	return (
		storage.bucket(bucket)?.account === key.account &&
		allows(key, "readFiles", { bucket, name })
	);
}

function infoOf(headers: Headers): Record<string, string> {
	return Object.fromEntries(
		[...headers]
			.filter(([name]) => name.startsWith("x-bz-info-"))
			.map(([name, value]) => [
				name.slice("x-bz-info-".length),
				decodeName(value),
			]),
	);
}

function retentionOf(c: Context): Retention | undefined {
	const mode = c.req.header("x-bz-file-retention-mode");
	const until = Number(
		c.req.header("x-bz-file-retention-retain-until-timestamp"),
	);
	if (mode === undefined) return undefined;
	if ((mode !== "governance" && mode !== "compliance") || !(until > 0))
		throw badRequest(
			"X-Bz-File-Retention-Mode must be governance or compliance, with a Retain-Until-Timestamp",
		);
	return { mode, retainUntilTimestamp: until };
}

/** Undoes B2's percent encoding, in which `+` is a blank too. */
function decodeName(text: string): string {
	try {
		return decodeURIComponent(text.replaceAll("+", " "));
	} catch {
		throw badRequest(`Bad percent encoding: ${text}`);
	}
}

const badUploadToken = () =>
	new B2Error(401, "bad_auth_token", "Invalid upload authorization token");
