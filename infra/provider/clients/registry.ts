/** Container registries, read only: does an image with this digest exist, and which one does a tag name? (OCI distribution specification 1.1) */
import { z } from "zod";
import { isApiError, ProviderError } from "../errors.ts";
import type { Http } from "../http.ts";
import { apis } from "../messages.ts";

/** A pinned image, taken apart. */
export interface ImageReference {
	readonly registry: string;
	readonly repository: string;
	readonly digest: string;
}

const manifestTypes = [
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Takes `registry/name[:tag]@sha256:…` apart. @throws ProviderError `invalid_input` */
export function parseImage(reference: string): ImageReference {
	const match =
		/^([a-z0-9.-]+(?::\d+)?)\/([a-z0-9._/-]+)(?::[\w.-]+)?@(sha256:[0-9a-f]{64})$/.exec(
			reference,
		);
	if (!match)
		throw new ProviderError(
			"invalid_input",
			`"${reference}" is not a pinned image; it must look like <registry>/<name>@sha256:<64 hex digits>.`,
		);
	const [, registry = "", repository = "", digest = ""] = match;
	const isDockerHub = registry === "docker.io";
	return {
		registry: isDockerHub ? "registry-1.docker.io" : registry,
		repository:
			isDockerHub && !repository.includes("/")
				? `library/${repository}`
				: repository,
		digest,
	};
}

const tokenSchema = z
	.object({ token: z.string(), access_token: z.string() })
	.partial()
	.transform(({ token, access_token }) => token ?? access_token);
const errorBody = z.object({
	errors: z.array(z.object({ code: z.string(), message: z.string() })).min(1),
});

export class Registry {
	readonly #http: Http;
	/** `https:` outside tests. */
	readonly #scheme: string;

	constructor(http: Http, scheme = "https:") {
		this.#http = http;
		this.#scheme = scheme;
	}

	/** Whether the registry has the image, asked without a login. */
	async exists(reference: string): Promise<boolean> {
		const image = parseImage(reference);
		return (await this.#find(image, image.digest)) !== undefined;
	}

	/** The digest that a tag of the image's repository names now; undefined where there is no such tag. */
	async digestOf(reference: string, tag: string): Promise<string | undefined> {
		const { digest } = (await this.#find(parseImage(reference), tag)) ?? {};
		return digest;
	}

	async #find(
		image: ImageReference,
		which: string,
	): Promise<{ digest: string | undefined } | undefined> {
		try {
			return await this.#head(image, which, undefined);
		} catch (error) {
			// 403: private, and no login will be offered.
			if (isApiError(error, "not_found") || isApiError(error, "not_allowed"))
				return undefined;
			if (!isApiError(error, "credential_refused")) throw error;
			return this.#findWithToken(image, which, error.refusal.challenge);
		}
	}

	async #findWithToken(
		image: ImageReference,
		which: string,
		challenge: string | undefined,
	): Promise<{ digest: string | undefined } | undefined> {
		try {
			const token = await this.#token(image, challenge);
			return await this.#head(image, which, token);
		} catch (error) {
			// Registries answer 401 or 403 for a repository that does not exist or is private.
			if (
				isApiError(error, "not_found") ||
				isApiError(error, "credential_refused") ||
				isApiError(error, "not_allowed")
			)
				return undefined;
			throw error;
		}
	}

	/** @param which a digest or a tag */
	async #head(
		image: ImageReference,
		which: string,
		token: string | undefined,
	): Promise<{ digest: string | undefined }> {
		const { headers } = await this.#http.send({
			api: { ...apis.registry, name: image.registry },
			doing: `looking for ${image.repository}${which.includes(":") ? "@" : ":"}${which}`,
			method: "HEAD",
			url: `${this.#scheme}//${image.registry}/v2/${image.repository}/manifests/${which}`,
			headers: {
				accept: manifestTypes,
				...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
			},
			again: "safe",
			fault,
		});
		return { digest: headers.get("docker-content-digest") ?? undefined };
	}

	/** An anonymous pull token from where the registry's challenge points. */
	async #token(
		image: ImageReference,
		header: string | undefined,
	): Promise<string | undefined> {
		const challenge = parseChallenge(header);
		if (!challenge) return undefined;
		const url = new URL(challenge.realm);
		if (challenge.service) url.searchParams.set("service", challenge.service);
		url.searchParams.set("scope", `repository:${image.repository}:pull`);
		const { data } = await this.#http.send({
			api: { ...apis.registry, name: image.registry },
			doing: `asking for a token to pull ${image.repository}`,
			method: "GET",
			url,
			schema: tokenSchema,
			again: "safe",
			fault,
		});
		return data;
	}
}

const fault = (body: unknown) => {
	const first = errorBody.parse(body).errors[0];
	return { code: first?.code, message: first?.message };
};

/** Reads `Bearer realm="…",service="…"`. */
export function parseChallenge(
	header: string | undefined,
): { realm: string; service: string | undefined } | undefined {
	if (!header?.toLowerCase().startsWith("bearer ")) return undefined;
	const parts = new Map(
		[...header.matchAll(/(\w+)="([^"]*)"/g)].map((m) => [
			(m[1] ?? "").toLowerCase(),
			m[2] ?? "",
		]),
	);
	const realm = parts.get("realm");
	return realm ? { realm, service: parts.get("service") } : undefined;
}
