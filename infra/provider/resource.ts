/** What a resource type has to do, and what it is given to do it with. */
import type { B2 } from "./clients/b2.ts";
import type { Tailscale } from "./clients/tailscale.ts";
import type { Vultr } from "./clients/vultr.ts";
import type { Environment } from "./environment.ts";
import type { Http } from "./http.ts";
import type { Report } from "./report.ts";
import type { Inputs, Shape, State } from "./shapes.ts";
import type { SshConnect, SshPatience } from "./ssh.ts";

/** How long to wait between looks at something that takes its time, in milliseconds. */
export interface Rhythm {
	readonly first: number;
	readonly longest: number;
}

/** What an operation of a resource works with. */
export interface Context {
	readonly env: Environment;
	/** Fires when the operator interrupts. */
	readonly signal: AbortSignal;
	readonly report: Report;
	readonly http: Http;
	readonly vultr: Vultr;
	readonly b2: B2;
	readonly tailscale: Tailscale;
	readonly ssh: SshConnect;
	/** Undefined: the usual one. */
	readonly patience: SshPatience | undefined;
	readonly rhythm: Rhythm;
}

/** The behaviour of a resource type. What it does not have does nothing. */
export interface Resource<S extends Shape> {
	/** Makes it, or finds what an interrupted run made. */
	create(
		context: Context,
		inputs: Inputs<S>,
	): Promise<{ id: string; state: State<S> }>;
	/** Looks how it is; undefined if it is gone. */
	read?(
		context: Context,
		id: string,
		state: State<S>,
	): Promise<State<S> | undefined>;
	/** Changes it in place. */
	update?(
		context: Context,
		id: string,
		state: State<S>,
		inputs: Inputs<S>,
	): Promise<State<S>>;
	/** Removes it; that it is gone already is fine. */
	delete?(context: Context, id: string, state: State<S>): Promise<void>;
	/** Inputs because of which it must be replaced although none of them changed. */
	outdated?(
		context: Context,
		id: string,
		state: State<S>,
	): Promise<readonly string[]>;
}

/**
 * Repeats `look` in the context's rhythm until it gives something. `look` decides when to give up, by throwing.
 */
export async function until<T>(
	context: Pick<Context, "http" | "rhythm">,
	doing: string,
	look: () => Promise<T | undefined>,
): Promise<T> {
	for (let pause = context.rhythm.first; ; pause *= 1.5) {
		const found = await look();
		if (found !== undefined) return found;
		await context.http.pause(Math.min(pause, context.rhythm.longest), doing);
	}
}
