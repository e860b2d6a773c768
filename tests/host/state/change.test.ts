import assert from "node:assert/strict";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { ok, refused, state } from "./asserts.ts";
import { skip, startState } from "./host.ts";

const image = (digit: number) =>
	`registry.test/gateway@sha256:${String(digit).repeat(64)}`;
const drop =
	"etc/containers/systemd/users/2001/moltbot-gateway.image.d/50-delivered.conf";

test("a version that does not become well gives way to the one before, with its state", {
	skip,
	timeout: 240_000,
}, async (t) => {
	const { host } = await startState(t);
	const h = await host(3);
	// Well is who runs anything but image 2.
	const server = createServer((_, response) => {
		response.statusCode = h.text(drop).includes(image(2)) ? 503 : 200;
		response.end();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close());
	const { port } = server.address() as AddressInfo;
	h.append(
		"etc/moltbot/platform.env",
		`MOLTBOT_HEALTH_URL=http://127.0.0.1:${port}/\nMOLTBOT_CHANGE_SECONDS=4\nMOLTBOT_VERSION=\n`,
	);
	// Every start migrates the state forward.
	writeFileSync(
		h.at("tmp/on-start"),
		`sed -n s/^Image=//p /${drop} >>/${state}/migrated`,
	);
	const deliver = (digit: number) => {
		const { secrets } = h;
		const images = {
			gateway: image(digit),
			backup: `registry.test/restic@sha256:${"1".repeat(64)}`,
		};
		const document = {
			version: 1,
			generation: 3,
			secrets: {},
			hostSecrets: secrets,
			files: [],
			images,
			env: {},
		};
		writeFileSync(h.at("tmp/order.json"), JSON.stringify(document));
		return h.run(
			"bash",
			"-c",
			"/usr/local/libexec/moltbot/deliver </tmp/order.json",
		);
	};
	ok(await h.script("restore"));
	// What stands for the service manager starts it with the engine's uid, which is not the one that the agent has in its container.
	chmodSync(h.at(state), 0o777);
	ok(await deliver(1));
	assert.equal(h.text(`${state}/migrated`), `${image(1)}\n`);

	refused(
		await deliver(2),
		/did not become well .* the old image and the state of before run again/,
	);
	assert.ok(h.text(drop).includes(image(1)));
	assert.equal(h.text(`${state}/migrated`), `${image(1)}\n`);
	assert.equal(existsSync(h.at("var/lib/moltbot/backup/change")), false);
	assert.match(
		h.text("tmp/calls"),
		/start --no-block moltbot-gateway\.service\n$/,
	);

	ok(await deliver(3));
	assert.equal(h.text(`${state}/migrated`), `${image(1)}\n${image(3)}\n`);

	// The state cannot be saved: nothing is changed.
	writeFileSync(h.at("etc/moltbot/host-secrets/backup-key"), "wrong");
	h.secrets["backup-key"] = "wrong";
	refused(await deliver(1), /the version was not changed/);
	assert.ok(h.text(drop).includes(image(3)));
});
