import { request } from "node:http";
import { z } from "zod";
import { exchange } from "../exchange.ts";
import type { FaultInput } from "./faults.ts";
import type { LoggedRequest, RequestFilter } from "./requestLog.ts";

/** Asks and steers running stand-ins, from a test or from the lab's own commands. */
export interface ControlClient {
	/** The requests so far, in order of arrival. */
	requests(filter?: RequestFilter): Promise<LoggedRequest[]>;
	clearRequests(): Promise<void>;
	/** Adds a fault; returns its number. */
	fault(fault: FaultInput): Promise<number>;
	clearFaults(): Promise<void>;
	/** The lab's time in milliseconds since 1970. */
	now(): Promise<number>;
	/** Moves the lab's clock forward; returns the new time. */
	advanceClock(milliseconds: number): Promise<number>;
	/** What the stand-in of this name shows of its state. */
	snapshot(cloud: string): Promise<unknown>;
}

const clockAnswer = z.object({ milliseconds: z.number() });

/** A client of the control interface on this socket (`RunningClouds.controlSocket`, `<state>/control.sock`). */
export function controlClient(socketPath: string): ControlClient {
	const call = (method: string, path: string, body?: unknown) =>
		callSocket(socketPath, method, path, body);
	return {
		async requests(filter = {}) {
			const query = new URLSearchParams();
			for (const [key, value] of Object.entries(filter))
				if (value !== undefined) query.set(key, String(value));
			return (await call("GET", `/requests?${query}`)) as LoggedRequest[];
		},
		async clearRequests() {
			await call("DELETE", "/requests");
		},
		async fault(fault) {
			const answer = await call("POST", "/faults", fault);
			return z.object({ id: z.number() }).parse(answer).id;
		},
		async clearFaults() {
			await call("DELETE", "/faults");
		},
		async now() {
			return clockAnswer.parse(await call("GET", "/clock")).milliseconds;
		},
		async advanceClock(milliseconds) {
			const answer = await call("POST", "/clock", { advance: milliseconds });
			return clockAnswer.parse(answer).milliseconds;
		},
		snapshot: (cloud) => call("GET", `/state/${encodeURIComponent(cloud)}`),
	};
}

async function callSocket(
	socketPath: string,
	method: string,
	path: string,
	body: unknown,
): Promise<unknown> {
	const headers = {
		host: "control.lab.test",
		"content-type": "application/json",
	};
	const { status, text } = await exchange(
		request({ socketPath, method, path, agent: false, headers }),
		body === undefined ? undefined : JSON.stringify(body),
	);
	if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
	return text === "" ? undefined : JSON.parse(text);
}
