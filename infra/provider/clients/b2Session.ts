/** Backblaze B2: the login, its end and renewal, and the server's clock. */
import { z } from "zod";
import { b2Key, type Environment } from "../environment.ts";
import { isApiError } from "../errors.ts";
import type { Call, FaultReader, Http } from "../http.ts";
import { apis } from "../messages.ts";

const loginSchema = z.object({
	accountId: z.string(),
	authorizationToken: z.string(),
	apiInfo: z.object({
		storageApi: z.object({
			apiUrl: z.url(),
			downloadUrl: z.url(),
			s3ApiUrl: z.url(),
			capabilities: z.array(z.string()),
			bucketName: z.string().nullish(),
			namePrefix: z.string().nullish(),
		}),
	}),
});

/** What a login gives. */
export interface Login {
	readonly keyId: string;
	readonly accountId: string;
	readonly token: string;
	readonly storage: z.output<typeof loginSchema>["apiInfo"]["storageApi"];
}

const errorBody = z.object({ code: z.string(), message: z.string() });
/** Reads an error of any of its calls. */
export const fault: FaultReader = (body) => errorBody.parse(body);

/** Answers after which a new session helps. */
const staleSession = new Set(["expired_auth_token", "bad_auth_token"]);

/** Calls in the name of one application key. It logs in with the first one, and again when Backblaze has ended the login. */
export class B2Session {
	readonly #http: Http;
	readonly #env: Environment;
	readonly #base: string;
	#login: Promise<Login> | undefined;
	#clock: { server: number; local: number } | undefined;

	constructor(http: Http, env: Environment, base: string) {
		this.#http = http;
		this.#env = env;
		this.#base = base;
	}

	/** Backblaze's time in milliseconds since 1970, from its last answer; never this machine's clock. */
	async serverTime(): Promise<number> {
		await this.login();
		const { server, local } = this.#clock ?? { server: Date.now(), local: 0 };
		return this.#clock ? server + (performance.now() - local) : server;
	}

	/** The login that stands, or a new one. */
	login(): Promise<Login> {
		this.#login ??= this.#authorize().catch((error: unknown) => {
			this.#login = undefined;
			throw error;
		});
		return this.#login;
	}

	/**
	 * One call of the native API; all of them are POST.
	 *
	 * @param find for a call that makes something: looks whether a lost attempt did. Without it the call may be repeated.
	 */
	call<T>(
		name: string,
		doing: string,
		body: object,
		schema: z.ZodType<T>,
		find?: () => Promise<T | undefined>,
	): Promise<T> {
		return this.#send(({ storage }) => ({
			doing,
			method: "POST",
			url: `${storage.apiUrl}/b2api/v3/${name}`,
			body,
			schema,
			again: find ?? "safe",
		}));
	}

	/** Content of a file, by the name of its bucket. */
	read<T>(
		bucketName: string,
		name: string,
		doing: string,
		schema: z.ZodType<T>,
	): Promise<T> {
		const path = [bucketName, ...name.split("/")]
			.map(encodeURIComponent)
			.join("/");
		return this.#send(({ storage }) => ({
			doing,
			method: "GET",
			url: `${storage.downloadUrl}/file/${path}`,
			schema,
			again: "safe",
		}));
	}

	/** Sends a call, and once more in a new login if Backblaze has ended this one. */
	async #send<T>(
		callIn: (login: Login) => Omit<Call<T>, "api" | "headers" | "fault">,
	): Promise<T> {
		const attempt = async () => {
			const login = await this.login();
			const { data, headers } = await this.#http.send<T>({
				...callIn(login),
				api: apis.b2,
				headers: { authorization: login.token },
				fault,
			});
			this.#setClock(headers);
			return data;
		};
		try {
			return await attempt();
		} catch (error) {
			if (
				!isApiError(error, "credential_refused") ||
				!staleSession.has(error.refusal.serverCode ?? "")
			)
				throw error;
			this.#login = undefined;
			return attempt();
		}
	}

	async #authorize(): Promise<Login> {
		const { keyId, key } = b2Key(this.#env);
		const { data, headers } = await this.#http.send({
			api: apis.b2,
			doing: "logging in",
			method: "GET",
			url: `${this.#base}/b2api/v3/b2_authorize_account`,
			headers: {
				authorization: `Basic ${Buffer.from(`${keyId}:${key}`).toString("base64")}`,
			},
			schema: loginSchema,
			again: "safe",
			fault,
		});
		this.#setClock(headers);
		return {
			keyId,
			accountId: data.accountId,
			token: data.authorizationToken,
			storage: data.apiInfo.storageApi,
		};
	}

	#setClock(headers: Headers): void {
		const server = Date.parse(headers.get("date") ?? "");
		if (!Number.isNaN(server))
			this.#clock = { server, local: performance.now() };
	}
}
