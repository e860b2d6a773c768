import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
	fields,
	parseSettings,
	SettingsError,
	settingsPage,
} from "./settings.ts";

const digest = `@sha256:${"a".repeat(64)}`;
const required = {
	"moltbot:bucket": "moltbot-backup-1",
	"moltbot:osImage": `ghcr.io/ublue-os/ucore-minimal${digest}`,
	"moltbot:backupImage": `docker.io/restic/restic${digest}`,
	"moltbot:ownerDiscordId": "123456789012345678",
};

function faultsOf(config: Record<string, string>) {
	try {
		parseSettings(config);
	} catch (error) {
		assert.ok(error instanceof SettingsError);
		return error;
	}
	assert.fail("accepted");
}

describe("settings", () => {
	test("the required ones are enough", () => {
		const settings = parseSettings(required);
		assert.equal(settings.region, "ewr");
		assert.equal(settings.plan, "vc2-2c-4gb");
		assert.deepEqual(settings.resolvers, ["9.9.9.9", "149.112.112.112"]);
	});

	test("all faults come at once, each with what to do", () => {
		const error = faultsOf({
			...required,
			"moltbot:region": "New Jersey",
			"moltbot:retentionDays": "0",
			"moltbot:regin": "ewr",
		});
		assert.deepEqual(
			error.faults.map((f) => f.key),
			["retentionDays", "region", "regin"],
		);
		assert.match(error.message, /pulumi config set region ewr/);
		assert.match(error.message, /pulumi config rm regin/);
		assert.match(error.message, /found "New Jersey"/);
	});

	test("nothing set names every required key", () => {
		assert.deepEqual(
			faultsOf({})
				.faults.map((f) => `moltbot:${f.key}`)
				.sort(),
			Object.keys(required).sort(),
		);
	});

	test("an image by tag alone is refused", () => {
		const [fault] = faultsOf({
			...required,
			"moltbot:gatewayImage": "ghcr.io/me/gateway:latest",
		}).faults;
		assert.equal(fault?.key, "gatewayImage");
	});

	test("one vault for both needs the words", () => {
		const same = { ...required, "moltbot:agentVault": "moltbot" };
		assert.equal(faultsOf(same).faults[0]?.key, "agentVault");
		parseSettings({
			...same,
			"moltbot:sharedVault": "agent-can-read-operator-secrets",
		});
	});

	test("keys of other packages are left alone", () => {
		parseSettings({ ...required, "vultr:rateLimit": "500" });
	});

	test("any text in any key ends in settings or in faults", () => {
		fc.assert(
			fc.property(
				fc.constantFrom(...Object.keys(fields)),
				fc.string(),
				(key, value) => {
					try {
						parseSettings({ ...required, [`moltbot:${key}`]: value });
					} catch (error) {
						assert.ok(error instanceof SettingsError);
					}
				},
			),
			{ seed: 1, numRuns: 1000 },
		);
	});

	test("every example of the table is accepted", () => {
		for (const [key, { schema, example }] of Object.entries(fields))
			assert.ok(schema.safeParse(example).success, key);
	});

	test("docs/settings.md is the page of today's schema", () => {
		assert.equal(
			readFileSync(new URL("../docs/settings.md", import.meta.url), "utf8"),
			settingsPage(),
		);
	});
});
