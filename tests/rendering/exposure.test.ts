import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { deliveryDocument } from "../../infra/delivery.ts";
import { moltbot } from "../../infra/platforms/moltbot.ts";
import { renderHost } from "../../infra/render.ts";
import { fields, parseSettings } from "../../infra/settings.ts";
import { sampleValues, unpacked } from "../../infra/testing.ts";
import {
	type Exposure,
	exposures,
	exposureTable,
	type Place,
} from "./exposure.ts";
import { renderedTree, valuesOf } from "./tree.ts";

const read = (path: string) =>
	readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const filesIn = (place: Place) =>
	exposures
		.filter(({ in: where }) => where[place] !== undefined)
		.flatMap(({ file }) => file ?? [])
		.sort();
const tree = renderedTree();
const textOf = (path: string) =>
	tree.files.find((file) => file.path === path)?.text ?? "";

test("docs/security.md has the table of today", () => {
	assert.ok(
		read("docs/security.md").includes(`\n${exposureTable()}\n`),
		`it must hold:\n${exposureTable()}`,
	);
});

test("user-data holds the two that expire, and none that is delivered", () => {
	const sent = unpacked(
		renderHost(moltbot.id, sampleValues, { compress: true }),
	);
	assert.deepEqual(filesIn("user-data"), ["beacon-url", "join-key"]);
	for (const file of filesIn("user-data"))
		assert.ok(sent.includes(`/etc/moltbot/${file}`), file);
	const { files } = JSON.parse(sent).storage;
	for (const { path } of files as { path: string }[])
		assert.doesNotMatch(path, /\/(host-secrets|secrets)\//);
});

test("every secret that travels has a row", () => {
	const rows = exposures.flatMap(({ file }) => file ?? []);
	for (const name of Object.keys(moltbot.secrets))
		assert.ok(rows.includes(name), name);
	assert.deepEqual(filesIn("gateway"), Object.keys(moltbot.secrets).sort());
});

test("what the program composes for a host has no place for a secret, and sets no environment", () => {
	const settings = parseSettings(
		Object.fromEntries(
			Object.entries(fields).map(([key, { example }]) => [
				`moltbot:${key}`,
				example,
			]),
		),
	);
	const document = deliveryDocument(moltbot, settings, 1);
	assert.deepEqual(Object.keys(document).sort(), [
		"bases",
		"env",
		"files",
		"generation",
		"images",
		"os",
		"version",
	]);
	assert.deepEqual(document.env, {});
});

test("a backup takes folders in which no secret lies", () => {
	assert.deepEqual(filesIn("backup"), []);
	const saved = moltbot.state.folders.map((name) => `/var/lib/moltbot/${name}`);
	for (const secret of ["/var/lib/moltbot/secrets", "/etc/moltbot"])
		assert.ok(!saved.some((folder) => secret.startsWith(folder)), secret);
});

test("a sandbox sees its own tokens and no other", () => {
	const script = textOf("/usr/local/libexec/moltbot/sandbox-secrets");
	const [, names = ""] = /for name in ([^;]+); do/.exec(script) ?? [];
	assert.deepEqual(names.trim().split(" ").sort(), filesIn("sandbox"));
	const binds = read("agent-config/moltbot/openclaw.json5").match(
		/"\/var\/lib\/moltbot\/[^":]+:[^"]+"/g,
	);
	assert.deepEqual(binds?.sort(), [
		'"/var/lib/moltbot/projects:/var/lib/moltbot/projects:rw"',
		'"/var/lib/moltbot/sandbox-secrets:/run/secrets:ro"',
	]);
});

test("the gateway's unit carries no secret and mounts none of root's", () => {
	const unit = textOf(
		"/etc/containers/systemd/users/2001/moltbot-gateway.container",
	);
	for (const value of valuesOf(unit, "Environment"))
		assert.doesNotMatch(value, /token|key=|secret|password/i);
	for (const value of valuesOf(unit, "Volume"))
		assert.doesNotMatch(value, /host-secrets|tailscale|\/root|^\/:/);
});

test("no place is named without a reason", () => {
	for (const { secret, in: where } of exposures as Exposure[])
		for (const reason of Object.values(where))
			assert.ok(reason.length > 5, secret);
	assert.deepEqual(filesIn("logs"), []);
});
