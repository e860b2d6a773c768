/** Credentials: read from the environment at each use, kept nowhere. */
import { ProviderError } from "./errors.ts";
import { apis, messages } from "./messages.ts";

/** Where credentials come from; `process.env` outside tests. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Environment variables whose values must never be seen. */
export const secretVariables = [
	"VULTR_API_KEY",
	"TAILSCALE_API_KEY",
	"TAILSCALE_OAUTH_CLIENT_SECRET",
	"B2_APPLICATION_KEY",
	"OP_CONNECT_TOKEN",
	"OP_SERVICE_ACCOUNT_TOKEN",
] as const;

function read(env: Environment, name: string): string | undefined {
	return env[name]?.trim() || undefined;
}

/** @throws ProviderError `credential_missing` */
export function vultrKey(env: Environment): string {
	const key = read(env, "VULTR_API_KEY");
	if (!key) throw missing(apis.vultr);
	return key;
}

/** @throws ProviderError `credential_missing` */
export function b2Key(env: Environment): { keyId: string; key: string } {
	const keyId = read(env, "B2_APPLICATION_KEY_ID");
	const key = read(env, "B2_APPLICATION_KEY");
	if (!keyId || !key) throw missing(apis.b2);
	return { keyId, key };
}

/** How to log in at Tailscale. */
export type TailscaleCredential =
	| { readonly kind: "key"; readonly key: string }
	| { readonly kind: "oauth"; readonly id: string; readonly secret: string };

/** @throws ProviderError `credential_missing` */
export function tailscaleCredential(env: Environment): TailscaleCredential {
	const key = read(env, "TAILSCALE_API_KEY");
	if (key) return { kind: "key", key };
	const id = read(env, "TAILSCALE_OAUTH_CLIENT_ID");
	const secret = read(env, "TAILSCALE_OAUTH_CLIENT_SECRET");
	if (id && secret) return { kind: "oauth", id, secret };
	throw missing(apis.tailscale);
}

/** Name of the tailnet; "-" is the credential's own. */
export function tailnetOf(env: Environment): string {
	return read(env, "TAILSCALE_TAILNET") ?? "-";
}

function missing(api: (typeof apis)[keyof typeof apis]): ProviderError {
	return new ProviderError(
		"credential_missing",
		messages.credentialMissing(api),
	);
}

/** Replaces secrets in a text that people will see. Shorter values than 8 characters are no secrets. */
export function redact(text: string, secrets: Iterable<string>): string {
	let result = text;
	for (const secret of secrets) {
		if (secret.length >= 8) result = result.replaceAll(secret, "[secret]");
	}
	return result;
}
