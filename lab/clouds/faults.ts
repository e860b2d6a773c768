import { z } from "zod";

const regularExpression = z.string().refine(
	(text) => {
		try {
			return Boolean(new RegExp(text));
		} catch {
			return false;
		}
	},
	{ error: "not a regular expression" },
);

/** What can be done to a request, as JSON of `POST /faults`. */
export const faultSchema = z.strictObject({
	/** Name of the cloud; any, where absent. */
	cloud: z.string().optional(),
	method: z.string().toUpperCase().optional(),
	/** Regular expression on the path (without query). */
	path: regularExpression.optional(),
	/** The first matching request that is hit, counted from 1. */
	nth: z.number().int().positive().default(1),
	/** How many are hit from there on; `null`: all. */
	count: z.number().int().positive().nullable().default(1),
	action: z.union([
		/** This answer instead of the cloud's; the cloud never sees the request. */
		z.strictObject({
			status: z.number().int().min(100).max(599),
			body: z
				.union([z.string(), z.record(z.string(), z.unknown())])
				.default(""),
			headers: z.record(z.string(), z.string()).default({}),
		}),
		/** Waits before the cloud is asked; with `after`, between the deed and the answer. In milliseconds of the machine's clock. */
		z.strictObject({
			delay: z.number().int().nonnegative(),
			after: z.boolean().default(false),
		}),
		/** The connection is reset and the cloud never sees the request. */
		z.literal("reset"),
		/** The cloud does what it is asked, then the connection is reset before the answer. */
		z.literal("after"),
	]),
});

/** A fault as a test writes it. */
export type FaultInput = z.input<typeof faultSchema>;
/** A fault, checked. */
export type Fault = z.output<typeof faultSchema>;
/** What a fault does. */
export type FaultAction = Fault["action"];

/** The faults in force. */
export interface Faults {
	/** Adds one and returns its number. */
	add(fault: Fault): number;
	clear(): void;
	list(): (Fault & { id: number; matched: number; hits: number })[];
	/** Counts this request and says what happens to it; of several faults the one that was added first wins. */
	take(request: {
		cloud: string;
		method: string;
		path: string;
	}): FaultAction | undefined;
}

/** No faults yet. They live in memory: a restarted lab is a healthy one. */
export function createFaults(): Faults {
	let rules: (Fault & { id: number; matched: number; hits: number })[] = [];
	let lastId = 0;
	return {
		add(fault) {
			lastId += 1;
			rules.push({ ...fault, id: lastId, matched: 0, hits: 0 });
			return lastId;
		},
		clear() {
			rules = [];
		},
		list: () => structuredClone(rules),
		take(request) {
			let action: FaultAction | undefined;
			for (const rule of rules) {
				if (rule.cloud !== undefined && rule.cloud !== request.cloud) continue;
				if (rule.method !== undefined && rule.method !== request.method)
					continue;
				if (
					rule.path !== undefined &&
					!new RegExp(rule.path).test(request.path)
				)
					continue;
				rule.matched += 1;
				const end = rule.count === null ? Infinity : rule.nth + rule.count;
				if (action !== undefined || rule.matched < rule.nth) continue;
				if (rule.matched >= end) continue;
				rule.hits += 1;
				action = rule.action;
			}
			return action;
		},
	};
}
