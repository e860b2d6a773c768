import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { suite, test } from "node:test";
import { buildNamed, buildOf } from "./builds.ts";
import { deliveryDocument } from "./delivery.ts";
import { egressList } from "./egress.ts";
import { moltbot } from "./platforms/moltbot.ts";
import { parseSettings } from "./settings.ts";

const named = (name: string) => `ghcr.io/me/${name}@sha256:${"1".repeat(64)}`;
const settings = (more: Record<string, string> = {}) =>
	parseSettings({
		"moltbot:bucket": "moltbot-backup-1",
		"moltbot:osImage": named("os"),
		"moltbot:backupImage": named("backup"),
		"moltbot:ownerDiscordId": "123456789012345678",
		...more,
	});

suite("images that the stack does not name", () => {
	test("are built from the files of their folder, under a name made of them", () => {
		for (const name of ["gateway", "sandbox"]) {
			const build = buildNamed(name);
			assert.deepEqual(
				build.files.map((file) => file.name),
				readdirSync(new URL(`../images/${name}`, import.meta.url)).sort(),
			);
			assert.match(build.reference, /^localhost\/moltbot-\w+:[0-9a-f]{12}$/);
			assert.match(build.base, /^[a-z.]+\/[a-z/]+@sha256:[0-9a-f]{64}$/);
			assert.deepEqual(buildOf(build.reference), build);
		}
		assert.equal(buildOf(named("gateway")), undefined);
	});

	test("travel with the delivery, and the agent's configuration names them", () => {
		const document = deliveryDocument(moltbot, settings(), 1);
		const { gateway, sandbox } = document.images;
		assert.equal(gateway, buildNamed("gateway").reference);
		assert.equal(sandbox, buildNamed("sandbox").reference);
		assert.deepEqual(document.bases, [
			buildNamed("gateway").base,
			buildNamed("sandbox").base,
		]);
		const file = (path: string) =>
			document.files.find((one) => one.path === path)?.content ?? "";
		assert.match(file("/etc/moltbot/build-gateway/Containerfile"), /^FROM /m);
		assert.ok(file("/etc/moltbot/openclaw.json").includes(`${sandbox}`));
	});

	test("leave nothing behind where a stack names them", () => {
		const document = deliveryDocument(
			moltbot,
			settings({
				"moltbot:gatewayImage": named("gateway"),
				"moltbot:sandboxImage": named("sandbox"),
			}),
			1,
		);
		assert.equal(document.images.gateway, named("gateway"));
		assert.deepEqual(document.bases, []);
		assert.doesNotMatch(JSON.stringify(document.files), /Containerfile/);
	});

	test("are pulled from where their bases are", () => {
		const list = egressList(
			moltbot,
			settings({ "moltbot:egress": "platform" }),
		);
		for (const name of ["ghcr.io", "registry-1.docker.io"])
			assert.ok(list.includes(name), list.join(" "));
		assert.ok(!list.some((entry) => entry.startsWith("localhost")));
	});
});
