import assert from "node:assert/strict";
import { test } from "node:test";
import { egressList } from "./egress.ts";
import { moltbot } from "./platforms/moltbot.ts";
import { fields, parseSettings, SettingsError } from "./settings.ts";

const required = Object.fromEntries(
	Object.entries(fields).map(([key, { example }]) => [
		`moltbot:${key}`,
		example,
	]),
);
const settings = (egress: string) =>
	parseSettings({ ...required, "moltbot:egress": egress });

test("open means no list, a list holds what the platform needs", () => {
	assert.deepEqual(egressList(moltbot, settings("open")), []);
	const list = egressList(moltbot, settings("platform 198.51.100.0/24"));
	for (const entry of [
		"api.anthropic.com",
		"discord.com",
		"ghcr.io",
		"pkg-containers.githubusercontent.com",
		"198.51.100.0/24",
	])
		assert.ok(list.includes(entry), entry);
	assert.ok(!list.includes("platform"));
	assert.deepEqual(list, [...new Set(list)].sort());
});

test("nothing that a shell or nft would read otherwise gets into the list", () => {
	for (const wrong of [
		"",
		"open github.com",
		"github",
		"https://github.com",
		"a.b;reboot",
		'a.b"',
		"$(id).com",
		"10.0.0.0/99",
		"*.example.com",
	])
		assert.throws(() => settings(wrong), SettingsError, wrong);
});
