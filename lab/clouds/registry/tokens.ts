import type { Context } from "hono";
import type { World } from "../cloud.ts";
import { RegistryError } from "./errors.ts";

/** Who may push; everybody may pull. */
export interface Credentials {
	readonly username: string;
	readonly password: string;
}

interface Grant {
	readonly actions: ReadonlySet<string>;
	readonly repositories: ReadonlySet<string>;
	readonly expires: number;
}

const lifetimeSeconds = 300;

/** Bearer tokens as ghcr.io and Docker Hub hand them out: anonymous for pull, with credentials for push. */
export class Tokens {
	readonly #world: World;
	readonly #credentials: Credentials;
	// Short-lived, so a restart may forget them: clients ask again at a 401.
	readonly #grants = new Map<string, Grant>();

	constructor(world: World, credentials: Credentials) {
		this.#world = world;
		this.#credentials = credentials;
	}

	/** Answers `/token?service=…&scope=repository:<name>:<actions>`. */
	issue(c: Context, registry: string): Response {
		const isKnown = this.#isKnown(c.req.header("authorization"));
		const scopes = (c.req.queries("scope") ?? []).flatMap((s) => s.split(" "));
		const actions = new Set(["pull"]);
		const repositories = new Set<string>();
		for (const scope of scopes) {
			const [, name = "", wanted = ""] = scope.split(":");
			repositories.add(`${registry}/${name}`);
			if (isKnown) for (const action of wanted.split(",")) actions.add(action);
		}
		const token = this.#world.random(32);
		const now = this.#world.clock.now();
		const expires = now + lifetimeSeconds * 1000;
		this.#grants.set(token, { actions, repositories, expires });
		return c.json({
			token,
			access_token: token,
			expires_in: lifetimeSeconds,
			issued_at: new Date(now).toISOString(),
		});
	}

	/** Whether the request carries a token for this. */
	allows(c: Context, repository: string | undefined, action: string): boolean {
		const [, token = ""] = (c.req.header("authorization") ?? "").split(" ");
		const grant = this.#grants.get(token);
		if (!grant || grant.expires <= this.#world.clock.now()) return false;
		if (repository === undefined) return true;
		return grant.repositories.has(repository) && grant.actions.has(action);
	}

	#isKnown(header: string | undefined): boolean {
		if (header === undefined) return false;
		const { username, password } = this.#credentials;
		const text = Buffer.from(
			header.replace(/^Basic /, ""),
			"base64",
		).toString();
		if (text === `${username}:${password}`) return true;
		throw new RegistryError(401, "UNAUTHORIZED", "authentication required");
	}
}
