import { Hono } from "hono";
import type { Cloud } from "../../../lab/clouds/cloud.ts";

/** Calls that only ask, although their verb is POST. */
const questions = [
	/^\/b2api\/v\d+\/b2_(authorize|list|get|download)_\w+$/,
	/^\/api\/v2\/oauth\/token$/,
	/^\/token$/,
];

/** Whether a request changes something at its cloud: judged by the operation, not by the verb. */
export function isMutation(request: { method: string; path: string }): boolean {
	if (["GET", "HEAD", "OPTIONS"].includes(request.method)) return false;
	return !questions.some((pattern) => pattern.test(request.path));
}

/** Called around each mutating call (`METHOD host/path`); what `before` answers is returned instead of performing the call. */
export interface Gate {
	before(call: string): Response | undefined;
	after(call: string): void;
}

/** The cloud behind a gate. */
export function gated(cloud: Cloud, gate: Gate): Cloud {
	const app = new Hono();
	app.all("*", async (c) => {
		const { method, path } = c.req;
		if (!isMutation({ method, path })) return cloud.app.fetch(c.req.raw);
		const call = `${method} ${new URL(c.req.url).host}${path}`;
		const instead = gate.before(call);
		if (instead) return instead;
		const response = await cloud.app.fetch(c.req.raw);
		gate.after(call);
		return response;
	});
	return { ...cloud, app };
}
