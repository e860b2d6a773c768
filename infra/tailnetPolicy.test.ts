import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { policyFindings } from "./preflight.ts";
import { policyNeeds, policyText, tailnetPolicy } from "./tailnetPolicy.ts";

const options = { tag: "tag:moltbot", operators: "autogroup:admin" };
const read = (path: string) =>
	readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("policy/tailnet.hujson is the policy of today (node infra/tailnetPolicy.page.ts writes it)", () => {
	assert.ok(read("policy/tailnet.hujson").endsWith(`\n${policyText(options)}`));
});

test("the lines in docs/production.md are those that preflight asks for", () => {
	const [, block = ""] =
		/## 3\. Tailnet policy[\s\S]*?```json\n([\s\S]*?)```/.exec(
			read("docs/production.md"),
		) ?? [];
	assert.deepEqual(JSON.parse(block), policyNeeds(options));
	assert.deepEqual(policyFindings(policyNeeds(options), options.tag), []);
});

test("nothing begins at a host, whoever operates it", () => {
	for (const operators of ["autogroup:admin", "ada@example.com", "group:ops"]) {
		const { grants, ssh, tests, sshTests } = tailnetPolicy({
			...options,
			operators,
		});
		for (const { src } of [...grants, ...ssh])
			assert.ok(
				src.every((who) => who !== "*" && !who.startsWith("tag:")),
				JSON.stringify(src),
			);
		for (const entry of [...tests, ...sshTests])
			assert.ok(!entry.src.startsWith("autogroup:"), entry.src);
	}
});
