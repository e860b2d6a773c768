import type { TestContext } from "node:test";
import type { Answer, TestLab } from "../testing.ts";
import { startTestLab } from "../testing.ts";
import { type BackblazeOptions, backblaze, defaultAccount } from "./index.ts";

/** A lab that runs B2 alone. */
export function startB2(
	t: TestContext,
	options: BackblazeOptions = {},
	stateDir?: string,
): Promise<TestLab> {
	return startTestLab(
		t,
		async (world) => [await backblaze(world, options)],
		stateDir === undefined ? {} : { stateDir },
	);
}

/** What an application key is made of. */
export interface TestKey {
	id: string;
	secret: string;
}

export const master: TestKey = {
	id: defaultAccount.accountId,
	secret: defaultAccount.masterKey,
};

/** A key as the backup host gets it: it adds and reads, and cannot delete. */
export const appendOnly = [
	"listAllBucketNames",
	"listBuckets",
	"listFiles",
	"readFiles",
	"writeFiles",
];

/** A client that has logged in with a key. */
export class NativeClient {
	readonly #lab: TestLab;
	readonly token: string;

	constructor(lab: TestLab, token: string) {
		this.#lab = lab;
		this.token = token;
	}

	static async login(lab: TestLab, key = master): Promise<NativeClient> {
		const answer = await lab.call(
			"GET",
			"https://api.backblazeb2.com/b2api/v4/b2_authorize_account",
			{ headers: { authorization: basic(key) } },
		);
		return new NativeClient(lab, answer.json.authorizationToken);
	}

	/** One operation; `version` is that of the API. */
	post(operation: string, body: object, version = 4): Promise<Answer> {
		return this.#lab.call(
			"POST",
			`https://api004.backblazeb2.com/b2api/v${version}/${operation}`,
			{
				headers: { authorization: this.token },
				body: { accountId: defaultAccount.accountId, ...body },
			},
		);
	}

	/** A private bucket; answers its id. */
	async bucket(name: string, settings: object = {}): Promise<string> {
		const answer = await this.post("b2_create_bucket", {
			bucketName: name,
			bucketType: "allPrivate",
			...settings,
		});
		return answer.json.bucketId;
	}

	/** A key of those buckets. */
	async key(settings: object): Promise<TestKey> {
		const answer = await this.post("b2_create_key", {
			keyName: "test",
			capabilities: appendOnly,
			...settings,
		});
		return {
			id: answer.json.applicationKeyId,
			secret: answer.json.applicationKey,
		};
	}

	/** Uploads a small file. */
	async upload(bucketId: string, name: string, body: string): Promise<Answer> {
		const place = await this.post("b2_get_upload_url", { bucketId });
		return this.#lab.call("POST", place.json.uploadUrl, {
			headers: {
				authorization: place.json.authorizationToken,
				"x-bz-file-name": encodeURIComponent(name),
				"x-bz-content-sha1": "do_not_verify",
				"content-type": "text/plain",
			},
			body,
		});
	}

	/** Downloads by name. */
	download(bucket: string, name: string, range?: string): Promise<Answer> {
		return this.#lab.call(
			"GET",
			`https://f004.backblazeb2.com/file/${bucket}/${name}`,
			{
				headers: {
					authorization: this.token,
					...(range === undefined ? {} : { range }),
				},
			},
		);
	}
}

/** The Authorization header of `b2_authorize_account`. */
export const basic = (key: TestKey) =>
	`Basic ${Buffer.from(`${key.id}:${key.secret}`).toString("base64")}`;
