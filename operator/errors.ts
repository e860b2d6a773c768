/** Why a tool of the operator did not do its work; `code` is stable. */
export class OperatorError extends Error {
	readonly code: keyof typeof sentences;

	constructor(code: keyof typeof sentences, ...values: readonly string[]) {
		super(sentences[code](...values));
		this.name = "OperatorError";
		this.code = code;
	}
}

const sentences = {
	"no-stack": (file = "") =>
		`${file} cannot be read; run it where Pulumi.yaml is, and name a stack that has a file: --stack prod.`,
	"unknown-option": (found = "", allowed = "", tool = "", usage = "") =>
		`${JSON.stringify(found)} is not an option of ${tool}, which takes ${allowed}: npm run ${tool} -- ${usage}`,
	"no-value": (name = "", tool = "", usage = "") =>
		`${name} needs a value: npm run ${tool} -- ${usage}`,
	"missing-option": (names = "", tool = "", usage = "") =>
		`${names} must be given: npm run ${tool} -- ${usage}`,
	"bad-number": (name = "", found = "") =>
		`--${name} ${JSON.stringify(found)} is not allowed; it takes a whole number from 1 to 999999.`,
	"no-bucket": (name = "") =>
		`There is no bucket "${name}" in this account; check --bucket and the account of B2_APPLICATION_KEY_ID.`,
	"not-ours": (name = "") =>
		`The bucket "${name}" does not carry the mark of a backup bucket (bucketInfo moltbot=backup), so nothing was done.`,
	"bad-time": (found = "") =>
		`--at ${JSON.stringify(found)} is no time; write it as 2026-11-21T14:05:00Z.`,
	future: (found = "", now = "") =>
		`--at ${found} has not come yet; at Backblaze it is ${now}.`,
	"not-empty": (name = "") =>
		`The bucket "${name}" exists already; --into takes the name of a bucket that does not exist.`,
	"nothing-then": (at = "") =>
		`The bucket held no file at ${at}; choose a later --at.`,
	"name-differs": (name = "") =>
		`What you typed is not "${name}", so nothing was deleted.`,
	"no-restic": () =>
		"restic was not found; install it (0.18 or later) where this runs.",
	restic: (what = "", code = "", lines = "") =>
		`restic ${what} ended with ${code}:\n${lines}`,
	"no-password": () =>
		"The backup password is missing: set RESTIC_PASSWORD, or RESTIC_PASSWORD_COMMAND (for example to `op read …`).",
	"nothing-to-keep": () =>
		"No snapshot of a moltbot host is in this repository, so nothing was pruned.",
} satisfies Record<string, (...values: string[]) => string>;
