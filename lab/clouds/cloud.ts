import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Hono } from "hono";
import type { z } from "zod";

/** What lies behind an account, as one service that the lab runs. */
export interface Cloud {
	/** Short name, used in the request log, in faults and in `/state/<name>`. */
	readonly name: string;
	/** Host names it answers for: exact, or `*.example.com` for one label below. */
	readonly hosts: readonly string[];
	/** Its routes; a hono app turns a WHATWG Request into a Response. */
	readonly app: Hono;
	/** Takes over a WebSocket upgrade, where the real service has one. */
	upgrade?(request: IncomingMessage, socket: Duplex, head: Buffer): void;
	/** What a test may see of its state, as JSON. */
	snapshot?(): unknown;
	/** Ends timers, hosts and connections that it started. */
	close?(): Promise<void>;
}

/** The clock of the whole lab, in milliseconds since 1970. Tests move it; clouds never ask the machine's clock. */
export interface Clock {
	now(): number;
	/** Moves the clock forward by this many milliseconds. */
	advance(milliseconds: number): void;
}

/** State of one cloud on disk: `data` is live, `save()` writes it whole and atomically. */
export interface Store<T> {
	data: T;
	save(): void;
}

/** What every cloud is given. */
export interface World {
	readonly stateDir: string;
	readonly clock: Clock;
	/** Opens `<stateDir>/<name>.json`, checked by the schema, or begins with `initial`. */
	store<S extends z.ZodType>(
		name: string,
		schema: S,
		initial: z.output<S>,
	): Store<z.output<S>>;
	/** A random hex string of that many bytes, from the seed of the run where one is set. */
	random(bytes: number): string;
}

/** Makes a cloud in a world. */
export type CloudFactory<Options = undefined> = (
	world: World,
	options: Options,
) => Cloud | Promise<Cloud>;
