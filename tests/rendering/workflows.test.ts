import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { load } from "js-yaml";
import { check } from "../../.github/credential-request/check.mjs";
import { bring } from "../../tools/bring.ts";

const folder = new URL("../../.github/workflows/", import.meta.url).pathname;
const workflows = readdirSync(folder).map((name) => ({
	name,
	text: readFileSync(join(folder, name), "utf8"),
}));

interface Step {
	uses?: string;
	run?: string;
	with?: Record<string, unknown>;
	env?: Record<string, string>;
}
interface Workflow {
	on: Record<string, unknown>;
	permissions?: Record<string, string>;
	jobs: Record<
		string,
		{
			if?: string;
			environment?: string;
			permissions?: Record<string, string>;
			"timeout-minutes"?: number;
			steps: Step[];
		}
	>;
}

/** What no workflow of ours may do; each a fault in words. */
function faultsOf(text: string): string[] {
	const workflow = load(text) as Workflow;
	const faults: string[] = [];
	if ("pull_request_target" in workflow.on || "workflow_run" in workflow.on)
		faults.push("a trigger that gives secrets to what others wrote");
	if (workflow.permissions === undefined)
		faults.push("no permissions: it would have the repository's default");
	for (const job of Object.values(workflow.jobs)) {
		if (job["timeout-minutes"] === undefined) faults.push("no time limit");
		for (const { uses, run = "", with: input } of job.steps) {
			if (uses !== undefined && !/@[0-9a-f]{40}$/.test(uses))
				faults.push(`an action by a tag that moves: ${uses}`);
			if (
				uses?.startsWith("actions/checkout@") &&
				input?.["persist-credentials"] !== false
			)
				faults.push("a checkout that leaves its token in the folder");
			// An expression in a script is pasted into it before the shell reads it.
			if (/\$\{\{/.test(run)) faults.push(`an expression in a script: ${run}`);
		}
	}
	return faults;
}

/** What zizmor would have otherwise in a folder of workflows; undefined where this machine cannot have it. */
async function audited(t: TestContext, folder: string) {
	const zizmor = await bring(t, "zizmor");
	if (!zizmor) return undefined;
	const { stdout, stderr } = spawnSync(
		zizmor,
		["--offline", "--no-progress", "--no-exit-codes", "--format=json", folder],
		{ encoding: "utf8" },
	);
	try {
		return (JSON.parse(stdout) as { ident: string }[]).map(
			({ ident }) => ident,
		);
	} catch (cause) {
		throw new Error(`zizmor: ${stderr}`, { cause });
	}
}

test("an auditing tool for workflows finds nothing", async (t) => {
	const findings = await audited(t, join(folder, ".."));
	if (!findings) return;
	assert.deepEqual(findings, []);
	// Control: it finds what is planted.
	const planted = mkdtempSync(join(tmpdir(), "moltbot-workflow-"));
	t.after(() => rmSync(planted, { recursive: true }));
	mkdirSync(join(planted, ".github/workflows"), { recursive: true });
	writeFileSync(
		join(planted, ".github/workflows/planted.yml"),
		// biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's.
		"on: pull_request_target\njobs: {a: {runs-on: x, steps: [{run: 'echo ${{ github.event.pull_request.title }}'}]}}\n",
	);
	const found = (await audited(t, planted)) ?? [];
	for (const ident of ["template-injection", "dangerous-triggers"])
		assert.ok(found.includes(ident), found.join(" "));
});

describe("every workflow", () => {
	for (const { name, text } of workflows)
		test(`${name} pins, limits and pastes nothing`, () => {
			assert.deepEqual(faultsOf(text), []);
		});

	test("a workflow that does not is caught", () => {
		assert.equal(
			faultsOf(
				// biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's.
				"on: {pull_request_target: {}}\njobs: {a: {steps: [{uses: actions/checkout@v5}, {run: 'echo ${{ github.head_ref }}'}]}}",
			).length,
			6,
		);
	});
});

describe("the workflow of credential requests", () => {
	const { text } =
		workflows.find(({ name }) => name === "credential-request.yml") ?? {};
	const { permissions, jobs } = load(text ?? "") as Workflow;

	test("gives a pull request no secret and no right to write", () => {
		assert.deepEqual(permissions, {});
		assert.equal(jobs.check?.if, "github.event_name == 'pull_request'");
		assert.doesNotMatch(JSON.stringify(jobs.check), /secrets\./);
		assert.deepEqual(jobs.check?.permissions, { contents: "read" });
	});

	test("fills nothing without a person", () => {
		const withSecrets = Object.values(jobs).filter((job) =>
			/secrets\./.test(JSON.stringify(job)),
		);
		assert.deepEqual(
			withSecrets.map(({ environment }) => environment),
			["credentials"],
		);
		assert.equal(withSecrets[0]?.if, "github.event_name == 'push'");
	});

	test("hands values over in the environment alone", () => {
		for (const { run = "" } of Object.values(jobs).flatMap((j) => j.steps))
			assert.doesNotMatch(run, /CREDENTIAL_VALUE|OP_SERVICE_ACCOUNT_TOKEN/);
	});
});

describe("the checker of credential requests", () => {
	const path = "credential-requests/example-api.json";
	const request = {
		item: "example-api",
		kind: "given",
		purpose: "Read the build status once an hour",
		scope: "read-only",
		link: "https://example.org/tokens",
		until: "2027-06-30",
	};
	function place(t: TestContext, content: unknown, at = path) {
		const root = mkdtempSync(join(tmpdir(), "moltbot-request-"));
		t.after(() => rmSync(root, { recursive: true, force: true }));
		mkdirSync(dirname(join(root, at)), { recursive: true });
		writeFileSync(
			join(root, at),
			typeof content === "string" ? content : JSON.stringify(content),
		);
		return root;
	}

	test("passes a request", (t) => {
		assert.deepEqual(check(`A\t${path}\n`, place(t, request)), request);
	});

	const wrong: [string, string, unknown, RegExp][] = [
		["nothing", "", request, /one new file/],
		["two files", `A\t${path}\nM\tREADME.md\n`, request, /one new file/],
		["a changed file", `M\t${path}\n`, request, /touches nothing else/],
		["a workflow", "A\t.github/workflows/x.yml\n", request, /touches nothing/],
		["another item", `A\t${path}\n`, { ...request, item: "x" }, /as the file/],
		["a value", `A\t${path}\n`, { ...request, value: "x" }, /not known/],
		[
			"a token in the text",
			`A\t${path}\n`,
			{ ...request, purpose: `it is ghp_${"a1".repeat(18)} as you know` },
			/looks like a secret/,
		],
		[
			"a line break",
			`A\t${path}\n`,
			{ ...request, scope: "read\nall" },
			/scope/,
		],
		["no https", `A\t${path}\n`, { ...request, link: "http://x.org" }, /link/],
		["no JSON", `A\t${path}\n`, "kind: given", /one JSON object/],
		["a list", `A\t${path}\n`, [request], /one JSON object/],
		["too long", `A\t${path}\n`, " ".repeat(5000), /4096/],
	];
	for (const [what, changes, content, sentence] of wrong)
		test(`refuses ${what}`, (t) => {
			assert.throws(() => check(changes, place(t, content)), sentence);
		});

	test("does not follow a link", (t) => {
		const root = place(t, request, "elsewhere.json");
		mkdirSync(join(root, "credential-requests"));
		symlinkSync("../elsewhere.json", join(root, path));
		assert.throws(() => check(`A\t${path}\n`, root), /not a link/);
	});
});
