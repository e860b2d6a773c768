/** What Backblaze B2 answers and is told, as far as it is looked at. */
import { z } from "zod";

export const bucketSchema = z.object({
	bucketId: z.string(),
	bucketName: z.string(),
	bucketType: z.string(),
	bucketInfo: z.record(z.string(), z.string()),
	lifecycleRules: z.array(
		z.looseObject({
			fileNamePrefix: z.string(),
			daysFromHidingToDeleting: z.int().nullish(),
			daysFromUploadingToHiding: z.int().nullish(),
		}),
	),
	fileLockConfiguration: z
		.object({
			value: z
				.object({
					isFileLockEnabled: z.boolean(),
					defaultRetention: z
						.object({
							mode: z.string().nullish(),
							period: z.object({ duration: z.int() }).nullish(),
						})
						.nullish(),
				})
				.nullable()
				.optional(),
		})
		.optional(),
});

/** A bucket as Backblaze tells it. */
export type B2Bucket = z.output<typeof bucketSchema>;

/** What can be changed of a bucket. */
export interface BucketSettings {
	bucketType: "allPrivate";
	bucketInfo: Record<string, string>;
	lifecycleRules: {
		fileNamePrefix: string;
		daysFromHidingToDeleting: number;
		daysFromUploadingToHiding: null;
	}[];
	fileLockEnabled?: true;
}

export const keySchema = z.object({
	applicationKeyId: z.string(),
	keyName: z.string(),
	capabilities: z.array(z.string()),
	bucketId: z.string().nullish(),
	namePrefix: z.string().nullish(),
});
export const newKeySchema = keySchema.extend({
	applicationKey: z.string().min(1),
});

/** An application key, without its secret half. */
export type B2KeyInfo = z.output<typeof keySchema>;

export const fileSchema = z.object({
	fileId: z.string().nullable(),
	fileName: z.string(),
	/** Milliseconds since 1970, by Backblaze's clock. */
	uploadTimestamp: z.number(),
	action: z.string(),
});

/** A version of a file. */
export type B2File = z.output<typeof fileSchema>;
