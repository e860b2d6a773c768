/**
 * Backblaze B2 native API v3 (https://www.backblaze.com/apidocs). Version 3, because version 4 lists only keys that are
 * made for several buckets.
 */
import { z } from "zod";
import type { Environment } from "../environment.ts";
import { ApiError, isApiError } from "../errors.ts";
import type { Http } from "../http.ts";
import {
	type B2Bucket,
	type B2File,
	type B2KeyInfo,
	type BucketSettings,
	bucketSchema,
	fileSchema,
	keySchema,
	newKeySchema,
} from "./b2Schemas.ts";
import { B2Session } from "./b2Session.ts";
import { upload } from "./b2Upload.ts";

export type {
	B2Bucket,
	B2File,
	B2KeyInfo,
	BucketSettings,
} from "./b2Schemas.ts";

/** Buckets, application keys and files of the account that an application key belongs to. */
export class B2 {
	readonly #http: Http;
	readonly #session: B2Session;

	constructor(
		http: Http,
		env: Environment,
		base = "https://api.backblazeb2.com",
	) {
		this.#http = http;
		this.#session = new B2Session(http, env, base);
	}

	/** Backblaze's time in milliseconds since 1970, from its last answer; never this machine's clock. */
	serverTime(): Promise<number> {
		return this.#session.serverTime();
	}

	/** Rights and reach of the credential. */
	async rights(): Promise<{
		keyId: string;
		capabilities: readonly string[];
		/** Set if the key is for one bucket only. */
		bucketName: string | undefined;
		namePrefix: string | undefined;
	}> {
		const { keyId, storage } = await this.#session.login();
		return {
			keyId,
			capabilities: storage.capabilities,
			bucketName: storage.bucketName ?? undefined,
			namePrefix: storage.namePrefix ?? undefined,
		};
	}

	/** URL and region of the S3 endpoint of this account. */
	async s3(): Promise<{ endpoint: string; region: string }> {
		const url = new URL((await this.#session.login()).storage.s3ApiUrl);
		return { endpoint: url.origin, region: url.hostname.split(".")[1] ?? "" };
	}

	/** The bucket of this name in this account. */
	async bucket(name: string): Promise<B2Bucket | undefined> {
		const { buckets } = await this.#session.call(
			"b2_list_buckets",
			`looking for the bucket "${name}"`,
			{ accountId: (await this.#session.login()).accountId, bucketName: name },
			z.object({ buckets: z.array(bucketSchema) }),
		);
		return buckets.find((bucket) => bucket.bucketName === name);
	}

	async createBucket(
		name: string,
		settings: BucketSettings,
	): Promise<B2Bucket> {
		return this.#session.call(
			"b2_create_bucket",
			`creating the bucket "${name}"`,
			{
				accountId: (await this.#session.login()).accountId,
				bucketName: name,
				...settings,
			},
			bucketSchema,
			() => this.bucket(name),
		);
	}

	async updateBucket(
		bucket: { bucketId: string; bucketName: string },
		settings: Partial<BucketSettings> & {
			defaultRetention?: {
				mode: "governance";
				period: { duration: number; unit: "days" };
			};
		},
	): Promise<B2Bucket> {
		return this.#session.call(
			"b2_update_bucket",
			`changing the bucket "${bucket.bucketName}"`,
			{
				accountId: (await this.#session.login()).accountId,
				bucketId: bucket.bucketId,
				...settings,
			},
			bucketSchema,
		);
	}

	/** All application keys of this exact name. */
	keysNamed(name: string): Promise<B2KeyInfo[]> {
		return this.keysWhere((key) => key.keyName === name);
	}

	/** All application keys that fit. */
	async keysWhere(fits: (key: B2KeyInfo) => boolean): Promise<B2KeyInfo[]> {
		const keys: B2KeyInfo[] = [];
		let start: string | null | undefined;
		do {
			const page = await this.#keyPage(start ?? undefined, 1000);
			keys.push(...page.keys.filter(fits));
			start = page.nextApplicationKeyId;
		} while (start);
		return keys;
	}

	/** One application key, or undefined if there is none with this id. */
	async key(keyId: string): Promise<B2KeyInfo | undefined> {
		const { keys } = await this.#keyPage(keyId, 1);
		return keys.find((key) => key.applicationKeyId === keyId);
	}

	/**
	 * Makes a key and gives both halves. Its secret half is told once, so if the answer is lost, the key is deleted by
	 * its name and made again.
	 */
	async createKey(
		name: string,
		bucketId: string,
		capabilities: readonly string[],
		namePrefix: string | undefined,
	): Promise<z.output<typeof newKeySchema>> {
		return this.#session.call(
			"b2_create_key",
			`creating the key "${name}"`,
			{
				accountId: (await this.#session.login()).accountId,
				keyName: name,
				bucketId,
				capabilities,
				...(namePrefix === undefined ? {} : { namePrefix }),
			},
			newKeySchema,
			async () => {
				await this.deleteKeysNamed(name);
				return undefined;
			},
		);
	}

	async deleteKeysNamed(name: string): Promise<void> {
		for (const { applicationKeyId } of await this.keysNamed(name))
			await this.deleteKey(applicationKeyId);
	}

	/** Deletes a key. Gives false if it was gone already. */
	async deleteKey(keyId: string): Promise<boolean> {
		try {
			await this.#session.call(
				"b2_delete_key",
				`deleting the key ${keyId}`,
				{ applicationKeyId: keyId },
				z.unknown(),
			);
			return true;
		} catch (error) {
			if (isApiError(error, "not_found")) return false;
			// Backblaze says 400 for an unknown key as well as for a wrong request: look.
			if (isApiError(error, "invalid_request") && !(await this.key(keyId)))
				return false;
			throw error;
		}
	}

	/** Newest versions of all files below a prefix, by name. */
	async files(bucketId: string, prefix: string): Promise<B2File[]> {
		const files: B2File[] = [];
		let start: string | null = null;
		do {
			const page: { files: B2File[]; nextFileName: string | null } =
				await this.#session.call(
					"b2_list_file_names",
					`listing ${prefix}* in the bucket`,
					{
						bucketId,
						prefix,
						maxFileCount: 1000,
						...(start === null ? {} : { startFileName: start }),
					},
					z.object({
						files: z.array(fileSchema),
						nextFileName: z.string().nullable(),
					}),
				);
			files.push(...page.files);
			start = page.nextFileName;
		} while (start !== null);
		return files;
	}

	/** All versions of one file, newest first. */
	async versions(bucketId: string, name: string): Promise<B2File[]> {
		const { files } = await this.#session.call(
			"b2_list_file_versions",
			`listing the versions of ${name}`,
			{ bucketId, prefix: name, startFileName: name, maxFileCount: 100 },
			z.object({ files: z.array(fileSchema) }),
		);
		return files.filter((file) => file.fileName === name);
	}

	/** All versions of all files, by name and newest first within a name, hide markers included. */
	async *allVersions(bucketId: string): AsyncGenerator<B2File> {
		let next: { name: string; id: string | null } | undefined;
		do {
			const page: {
				files: B2File[];
				nextFileName: string | null;
				nextFileId?: string | null | undefined;
			} = await this.#session.call(
				"b2_list_file_versions",
				"listing all versions in the bucket",
				{
					bucketId,
					maxFileCount: 1000,
					...(next === undefined
						? {}
						: { startFileName: next.name, startFileId: next.id }),
				},
				z.object({
					files: z.array(fileSchema),
					nextFileName: z.string().nullable(),
					nextFileId: z.string().nullish(),
				}),
			);
			yield* page.files;
			next =
				page.nextFileName === null
					? undefined
					: { name: page.nextFileName, id: page.nextFileId ?? null };
		} while (next !== undefined);
	}

	/** Makes a file of another bucket's version, at Backblaze itself. Doing it twice leaves a second, equal version. */
	async copyFile(
		fileId: string,
		name: string,
		bucketId: string,
	): Promise<B2File> {
		return this.#session.call(
			"b2_copy_file",
			`copying ${name}`,
			{
				sourceFileId: fileId,
				fileName: name,
				destinationBucketId: bucketId,
			},
			fileSchema,
		);
	}

	/** Deletes an empty bucket. */
	async deleteBucket(bucketId: string): Promise<void> {
		const { accountId } = await this.#session.login();
		await this.#delete("bad_bucket_id", () =>
			this.#session.call(
				"b2_delete_bucket",
				"deleting the bucket",
				{ accountId, bucketId },
				z.unknown(),
			),
		);
	}

	/** Writes a small file; gives its new version. */
	upload(bucketId: string, name: string, content: string): Promise<B2File> {
		return upload(this.#http, this.#session, { bucketId, name, content });
	}

	/** Content of a file, or undefined if there is none. */
	async download<T>(
		bucketName: string,
		name: string,
		schema: z.ZodType<T>,
	): Promise<T | undefined> {
		try {
			return await this.#session.read(
				bucketName,
				name,
				`reading ${name} from the bucket "${bucketName}"`,
				schema,
			);
		} catch (error) {
			if (isApiError(error, "not_found")) return undefined;
			throw error;
		}
	}

	/** Removes one version of a file for good. */
	async deleteVersion(name: string, fileId: string): Promise<void> {
		await this.#delete("file_not_present", () =>
			this.#session.call(
				"b2_delete_file_version",
				`deleting a version of ${name}`,
				{ fileName: name, fileId },
				z.unknown(),
			),
		);
	}

	/** Takes "gone" for done: an attempt whose answer was lost has done it. */
	async #delete(gone: string, call: () => Promise<unknown>): Promise<void> {
		try {
			await call();
		} catch (error) {
			if (!(error instanceof ApiError && error.refusal.serverCode === gone))
				throw error;
		}
	}

	async #keyPage(start: string | undefined, count: number) {
		return this.#session.call(
			"b2_list_keys",
			"listing application keys",
			{
				accountId: (await this.#session.login()).accountId,
				maxKeyCount: count,
				...(start === undefined ? {} : { startApplicationKeyId: start }),
			},
			z.object({
				keys: z.array(keySchema),
				nextApplicationKeyId: z.string().nullish(),
			}),
		);
	}
}
