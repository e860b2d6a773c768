import { mkdtempSync, rmSync } from "node:fs";
import { type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { exchange } from "../exchange.ts";
import { type ControlClient, controlClient } from "./client.ts";
import type { Cloud, World } from "./cloud.ts";
import {
	type RunningClouds,
	type StartOptions,
	startClouds,
} from "./server.ts";
import { createWorld } from "./world.ts";

/** An answer, read whole. */
export interface Answer {
	status: number;
	headers: Record<string, string | string[] | undefined>;
	text: string;
	/** The body as JSON; throws where it is none. */
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape and assert what they find.
	json: any;
}

/** What a call carries. */
export interface CallOptions {
	headers?: Record<string, string>;
	/** A string is sent as it is, anything else as JSON. */
	body?: unknown;
}

/** Stand-ins that run for one test. */
export interface TestLab extends RunningClouds {
	world: World;
	control: ControlClient;
	/** One HTTPS request to a stand-in, by its real name. */
	call(method: string, url: string, options?: CallOptions): Promise<Answer>;
}

/** A directory that is removed after the test. */
export function temporaryDirectory(t: TestContext): string {
	const dir = mkdtempSync(join(tmpdir(), "moltbot-clouds-"));
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	return dir;
}

/** Starts stand-ins for a test and ends them after it. */
export async function startTestLab(
	t: TestContext,
	clouds: (world: World) => Cloud[] | Promise<Cloud[]>,
	options: Partial<StartOptions> & { stateDir?: string; seed?: string } = {},
): Promise<TestLab> {
	const { stateDir = temporaryDirectory(t), seed = "test", ...rest } = options;
	const world = createWorld(stateDir, { seed });
	const running = await startClouds({
		world,
		clouds: await clouds(world),
		...rest,
	});
	t.after(() => running.close());
	const address = running.addresses.tls[0] ?? "";
	return {
		...running,
		world,
		control: controlClient(running.controlSocket),
		call: (method, url, callOptions = {}) =>
			call(address, running.ca.pem, method, url, callOptions),
	};
}

async function call(
	address: string,
	ca: string,
	method: string,
	url: string,
	options: CallOptions,
): Promise<Answer> {
	const target = new URL(url);
	const body =
		options.body === undefined || typeof options.body === "string"
			? options.body
			: JSON.stringify(options.body);
	const port = Number(address.split(":")[1]);
	const requestOptions: RequestOptions = {
		host: "127.0.0.1",
		port,
		servername: target.hostname,
		ca,
		method,
		path: target.pathname + target.search,
		agent: false,
		headers: {
			host: target.host,
			// Node would send the body of a DELETE without it.
			...(body === undefined
				? {}
				: { "content-length": String(Buffer.byteLength(body)) }),
			...(typeof options.body === "object"
				? { "content-type": "application/json" }
				: {}),
			...options.headers,
		},
	};
	const answer = await exchange(request(requestOptions), body);
	return {
		...answer,
		get json() {
			return JSON.parse(answer.text);
		},
	};
}
