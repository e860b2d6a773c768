import { z } from "zod";

/** Everything that a key can be allowed to do (Backblaze: "Application Key Capabilities"). */
export const capabilities = [
	"listKeys",
	"writeKeys",
	"deleteKeys",
	"listAllBucketNames",
	"listBuckets",
	"readBuckets",
	"writeBuckets",
	"deleteBuckets",
	"readBucketRetentions",
	"writeBucketRetentions",
	"readBucketEncryption",
	"writeBucketEncryption",
	"readBucketReplications",
	"writeBucketReplications",
	"readBucketNotifications",
	"writeBucketNotifications",
	"readBucketLogging",
	"writeBucketLogging",
	"listFiles",
	"readFiles",
	"shareFiles",
	"writeFiles",
	"deleteFiles",
	"readFileLegalHolds",
	"writeFileLegalHolds",
	"readFileRetentions",
	"writeFileRetentions",
	"bypassGovernance",
] as const;
export const Capability = z.enum(capabilities);
export type Capability = z.output<typeof Capability>;

const days = z.int().positive().nullish();
export const LifecycleRule = z.object({
	fileNamePrefix: z.string(),
	daysFromHidingToDeleting: days,
	daysFromUploadingToHiding: days,
	daysFromStartingToCancelingUnfinishedLargeFiles: days,
});
export const DefaultRetention = z.object({
	mode: z.enum(["governance", "compliance"]).nullable(),
	period: z
		.object({ duration: z.int().positive(), unit: z.enum(["days", "years"]) })
		.nullish(),
});
export type DefaultRetention = z.output<typeof DefaultRetention>;
export const Encryption = z.object({
	mode: z.enum(["SSE-B2"]).nullable(),
	algorithm: z.enum(["AES256"]).nullish(),
});
export const Retention = z.object({
	mode: z.enum(["governance", "compliance"]).nullable(),
	retainUntilTimestamp: z.int().nullable(),
});
export type Retention = z.output<typeof Retention>;

/** A column that holds JSON. */
const column = <S extends z.ZodType>(schema: S) =>
	z.string().transform((text) => schema.parse(JSON.parse(text)));
const flag = z.int().transform((value) => value === 1);

export const BucketRow = z.object({
	id: z.string(),
	account: z.string(),
	name: z.string(),
	type: z.enum(["allPrivate", "allPublic"]),
	info: column(z.record(z.string(), z.string())),
	cors: column(z.array(z.unknown())),
	lifecycle: column(z.array(LifecycleRule)),
	locked: flag,
	retention: column(DefaultRetention),
	encryption: column(Encryption),
	revision: z.int(),
});
export type Bucket = z.output<typeof BucketRow>;

export const KeyRow = z.object({
	id: z.string(),
	account: z.string(),
	name: z.string(),
	secret: z.string(),
	capabilities: column(z.array(Capability)),
	/** null: every bucket of the account. */
	buckets: column(z.array(z.string()).nullable()),
	prefix: z.string().nullable(),
	/** Milliseconds since 1970; null: never. */
	expires: z.int().nullable(),
	/** The first key of an account: may do everything, but not on the S3 endpoint. */
	master: flag,
	/** Made with `bucketIds` (version 4 of the API), which decides in which versions it is listed. */
	multi: flag,
});
export type Key = z.output<typeof KeyRow>;

export const TokenRow = z.object({
	token: z.string(),
	kind: z.enum(["account", "upload", "part", "download"]),
	key: z.string(),
	bucket: z.string().nullable(),
	/** The large file of a part token. */
	file: z.string().nullable(),
	/** The name prefix of a download token. */
	prefix: z.string().nullable(),
	expires: z.int(),
});
export type Token = z.output<typeof TokenRow>;

export const FileRow = z.object({
	seq: z.int(),
	id: z.string(),
	bucket: z.string(),
	name: z.string(),
	action: z.enum(["upload", "hide", "start"]),
	size: z.int(),
	/** null for a large file. */
	sha1: z.string().nullable(),
	/** Hex MD5, or what S3 calls the ETag of a multipart upload. */
	etag: z.string().nullable(),
	type: z.string(),
	info: column(z.record(z.string(), z.string())),
	/** Milliseconds since 1970. */
	uploaded: z.int(),
	retention: column(Retention),
	hold: flag,
});
export type FileVersion = z.output<typeof FileRow>;

export const PartRow = z.object({
	number: z.int(),
	sha256: z.string(),
	size: z.int(),
	sha1: z.string(),
	md5: z.string(),
	uploaded: z.int(),
});
export type Part = z.output<typeof PartRow>;

export const schema = `
create table if not exists buckets (id text primary key, account text not null, name text not null unique, type text not null,
	info text not null, cors text not null, lifecycle text not null, locked integer not null, retention text not null,
	encryption text not null, revision integer not null) strict;
create table if not exists keys (id text primary key, account text not null, name text not null, secret text not null,
	capabilities text not null, buckets text not null, prefix text, expires integer, master integer not null, multi integer not null) strict;
create table if not exists tokens (token text primary key, kind text not null, key text not null, bucket text, file text,
	prefix text, expires integer not null) strict;
create table if not exists files (seq integer primary key autoincrement, id text not null unique, bucket text not null,
	name text not null, action text not null, size integer not null, sha1 text, etag text, type text not null, info text not null,
	uploaded integer not null, retention text not null, hold integer not null) strict;
create index if not exists versions on files (bucket, name, uploaded desc, seq desc);
create table if not exists parts (file text not null, number integer not null, sha256 text not null, size integer not null,
	sha1 text not null, md5 text not null, uploaded integer not null, primary key (file, number)) strict;
create index if not exists contents on parts (sha256);
create table if not exists counters (name text primary key, value integer not null) strict;
`;
