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

/** Called around each call (`METHOD host/path`). */
export interface Gate {
	/** Around a mutating one; what `before` answers is returned instead of performing the call. */
	before(call: string): Response | undefined;
	after(call: string): void;
	/** Every call that was performed, when it was answered. */
	answered(call: string, status: number): void;
	/** Whether a credential is worth nothing any more, by the content of the Authorization header. */
	revoked(authorization: string): boolean;
}

/** The cloud behind a gate. */
export function gated(cloud: Cloud, gate: Gate): Cloud {
	const app = new Hono();
	app.all("*", async (c) => {
		const { method, path } = c.req;
		const call = `${method} ${new URL(c.req.url).host}${path}`;
		// The cloud itself then refuses it, in its own words.
		if (gate.revoked(contentOf(c.req.header("authorization"))))
			c.req.raw.headers.set("authorization", "Bearer revoked");
		const changes = isMutation({ method, path });
		const instead = changes ? gate.before(call) : undefined;
		if (instead) return instead;
		const response = await cloud.app.fetch(c.req.raw);
		gate.answered(call, response.status);
		if (changes) gate.after(call);
		return response;
	});
	return { ...cloud, app };
}

/** An Authorization header with its Base64 opened. */
function contentOf(header = ""): string {
	const [scheme = "", value = ""] = header.split(" ");
	return scheme.toLowerCase() === "basic"
		? Buffer.from(value, "base64").toString("utf8")
		: value;
}
