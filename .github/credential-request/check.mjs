// Checks a credential request: `git diff --name-status … | check.mjs FOLDER` prints it as JSON, or says in one sentence what is wrong.
// The request is text that a language model wrote: nothing of it is run, and nothing of it reaches a shell.
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";

const fields = {
	item: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
	kind: /^(given|generated)$/,
	purpose: /^[^\p{Cc}]{10,300}$/u,
	scope: /^[^\p{Cc}]{5,300}$/u,
	link: /^https:\/\/[^\s\p{Cc}]{3,300}$/u,
	until: /^20\d\d-\d\d-\d\d$/,
};

/** What looks like a secret: it would be public as soon as it is pushed, and must be replaced. */
const secrets =
	/\b(ghp|gho|ghs|github_pat|glpat|sk|xox[abprs]|AKIA|ASIA|AIza|ops|tskey|hskey)[-_]?[A-Za-z0-9_-]{16,}|-----BEGIN|eyJ[A-Za-z0-9_-]{20,}|[A-Za-z0-9+/_-]{48,}/;

/** @param {string} changes @param {string} folder */
export function check(changes, folder) {
	const lines = changes.split("\n").filter((line) => line !== "");
	const [line, ...more] = lines;
	if (line === undefined || more.length > 0)
		throw new Error(`A request is one new file; this changes ${lines.length}.`);
	const [status, path = ""] = line.split("\t");
	const name = /^credential-requests\/([a-z0-9-]+)\.json$/.exec(path)?.[1];
	if (status !== "A" || name === undefined)
		throw new Error(
			`A request adds credential-requests/<item>.json and touches nothing else; this is "${line}".`,
		);
	const file = join(folder, path);
	if (!lstatSync(file).isFile())
		throw new Error(`${path} must be an ordinary file, not a link.`);
	const text = readFileSync(file, "utf8");
	if (text.length > 4096)
		throw new Error(`${path} is longer than 4096 characters.`);
	const request = parse(path, text);
	for (const [key, pattern] of Object.entries(fields))
		if (typeof request[key] !== "string" || !pattern.test(request[key]))
			throw new Error(`${path}: "${key}" must match ${pattern}.`);
	for (const key of Object.keys(request))
		if (!Object.hasOwn(fields, key))
			throw new Error(
				`${path}: "${key}" is not known; there are ${Object.keys(fields).join(", ")}.`,
			);
	if (request.item !== name)
		throw new Error(`${path}: "item" must be "${name}", as the file is named.`);
	for (const [key, value] of Object.entries(request))
		if (key !== "link" && secrets.test(value))
			throw new Error(
				`${path}: "${key}" looks like a secret. It is public now: replace it where it is from, then ask without it.`,
			);
	return request;
}

/** @param {string} path @param {string} text @returns {Record<string, string>} */
function parse(path, text) {
	try {
		const value = JSON.parse(text);
		if (typeof value === "object" && value !== null && !Array.isArray(value))
			return value;
	} catch {
		// Said below.
	}
	throw new Error(`${path} must be one JSON object.`);
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
	try {
		const changes = readFileSync(0, "utf8");
		console.log(JSON.stringify(check(changes, process.argv[2] ?? ".")));
	} catch (error) {
		console.error(error instanceof Error ? error.message : String(error));
		process.exitCode = 1;
	}
}
