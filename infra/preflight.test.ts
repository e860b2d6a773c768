import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { planFindings, policyFindings } from "./preflight.ts";

const wanted = { plan: "vc2-2c-4gb", region: "ewr" };
const platform = { memoryMiB: 4096 };
const texts = (findings: { severity: string; text: string }[]) =>
	findings.map(({ severity, text }) => `${severity}: ${text}`);

describe("the plan", () => {
	test("fits", () => {
		assert.deepEqual(
			planFindings(
				platform,
				wanted,
				{ ram: 4096, locations: ["ewr"] },
				[wanted.plan],
				false,
			),
			[],
		);
	});

	test("is unknown", () => {
		assert.match(
			texts(planFindings(platform, wanted, undefined, [], false)).join(),
			/^fault: plan: Vultr has no plan "vc2-2c-4gb".*pulumi config set plan/,
		);
	});

	test("is too small", () => {
		assert.match(
			texts(
				planFindings(
					platform,
					wanted,
					{ ram: 2048, locations: ["ewr"] },
					[wanted.plan],
					false,
				),
			).join(),
			/^fault: .*2048 MiB of memory, the agent needs 4096/,
		);
	});

	test("is sold out: a fault for a new VM, a warning for a running one", () => {
		const plan = { ram: 4096, locations: ["ewr", "ams"] };
		assert.match(
			texts(planFindings(platform, wanted, plan, ["vc2-1c-1gb"], false)).join(),
			/^fault: region: .*sells it in ewr, ams/,
		);
		assert.match(
			texts(planFindings(platform, wanted, plan, ["vc2-1c-1gb"], true)).join(),
			/^warning: region/,
		);
	});
});

describe("the tailnet policy", () => {
	const tag = "tag:moltbot";
	const good = {
		tagOwners: { [tag]: ["a@example.com"] },
		ssh: [{ action: "accept", src: ["a"], dst: [tag], users: ["core"] }],
	};

	test("is complete", () => {
		assert.deepEqual(policyFindings(good, tag), []);
	});

	for (const [name, policy, expected] of [
		["nobody owns the tag", { ...good, tagOwners: {} }, /no owner for tag:/],
		["no SSH rule", { ...good, ssh: [] }, /no SSH rule/],
		[
			"a rule that asks a person",
			{ ...good, ssh: [{ ...good.ssh[0], action: "check" }] },
			/no SSH rule/,
		],
		[
			"a rule for another user",
			{ ...good, ssh: [{ ...good.ssh[0], users: ["root"] }] },
			/no SSH rule/,
		],
	] as const)
		test(`${name} is a fault with the exact lines`, () => {
			const [finding] = policyFindings(
				{ ...policy, ssh: [...policy.ssh] },
				tag,
			);
			assert.equal(finding?.severity, "fault");
			assert.match(finding.text, expected);
			assert.match(finding.text, /"ip": \["tcp:22"\]/);
		});
});
