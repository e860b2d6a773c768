import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { validate } from "@moltbot/butane";
import { moltbot } from "./platforms/moltbot.ts";
import { fingerprintOf, maxUserDataBytes, renderHost } from "./render.ts";
import { unpacked, sampleValues as values } from "./testing.ts";

const traits = { region: "ewr", plan: "vc2-2c-4gb", osId: 391 };

// SHA-512 of a counter: as good as random for gzip, and the same in every run.
const incompressible = Array.from({ length: 1200 }, (_, i) =>
	createHash("sha512").update(String(i)).digest("base64"),
).join("");

const sha256 = (text: string) =>
	createHash("sha256").update(text).digest("hex").slice(0, 16);

/** A line per path and unit: mode, owner, and the hash of what stands in it, so that every change of the host is deliberate. */
function tree(json: string): string {
	const { storage, systemd, passwd } = JSON.parse(json);
	const node = (kind: string, content: string) => (n: Record<string, never>) =>
		[
			n.path,
			kind,
			(n.mode as number | undefined)?.toString(8) ?? "-",
			`${(n.user as { id?: number } | undefined)?.id ?? 0}:${(n.group as { id?: number } | undefined)?.id ?? 0}`,
			content === "" ? "" : sha256(JSON.stringify(n[content])),
		].join(" ");
	return [
		...storage.directories.map(node("directory", "")),
		...storage.files.map(node("file", "contents")),
		...storage.links.map(node("link", "target")),
		...systemd.units.map((u: { name: string }) =>
			[u.name, "unit", sha256(JSON.stringify(u))].join(" "),
		),
		...passwd.users.map((u: { name: string }) =>
			[u.name, "user", sha256(JSON.stringify(u))].join(" "),
		),
	]
		.map((line) => `${line.trimEnd()}\n`)
		.sort()
		.join("");
}

function textOf(source = "data:,"): string {
	const [head = "", ...body] = source.split(",");
	return head.endsWith(";base64")
		? Buffer.from(body.join(","), "base64").toString()
		: decodeURIComponent(body.join(","));
}

describe("the host document", () => {
	const json = renderHost(moltbot.id, values, { compress: false });
	const sent = renderHost(moltbot.id, values, { compress: true });

	test("is the tree of testdata/moltbot.tree (UPDATE_GOLDEN=1 writes it)", () => {
		const golden = new URL("testdata/moltbot.tree", import.meta.url);
		if (process.env.UPDATE_GOLDEN) writeFileSync(golden, tree(json));
		assert.equal(readFileSync(golden, "utf8"), tree(json));
	});

	test("is Ignition 3.3.0, valid and small", () => {
		for (const text of [json, sent]) {
			const ignition = JSON.parse(text);
			assert.equal(ignition.ignition.version, "3.3.0");
			assert.deepEqual(validate(ignition).problems, []);
		}
		// With room for the certificates of a proxy.
		assert.ok(Buffer.byteLength(sent) <= maxUserDataBytes - 4096);
	});

	test("scripts travel without their comments, units with them", () => {
		const { files } = JSON.parse(json).storage;
		const at = (path: string) =>
			textOf(
				files.find((file: { path: string }) => file.path === path)?.contents
					.source,
			);
		const scripts = [
			"/usr/local/libexec/moltbot/deliver",
			"/usr/local/libexec/moltbot/lib.sh",
		];
		for (const path of scripts) {
			assert.ok(at(path).length > 500, path);
			assert.doesNotMatch(at(path), /^\s*#(?!!)/m, path);
		}
		assert.match(at(scripts[0] ?? ""), /^#!\/bin\/bash\nset -euo pipefail\n/);
		assert.match(at("/etc/systemd/system/guard.service"), /^# \S/);
	});

	test("same values, same bytes", () => {
		assert.equal(
			renderHost(moltbot.id, { ...values }, { compress: true }),
			sent,
		);
	});

	test("declares no path twice", () => {
		const { files, directories, links } = JSON.parse(json).storage;
		const paths = [...files, ...directories, ...links].map((n) => n.path);
		assert.equal(new Set(paths).size, paths.length);
	});

	test("holds the two short-lived secrets once each", () => {
		assert.equal(unpacked(sent).split("tskey-auth-CANARY").length, 2);
		assert.equal(unpacked(sent).split("X-Amz-Signature").length, 2);
	});

	test("says the same packed as in clear", () => {
		const [clear, inside] = [json, unpacked(sent)].map((text) => {
			const document = JSON.parse(text);
			for (const { contents } of document.storage.files)
				contents.source = textOf(contents.source);
			return document;
		});
		assert.deepEqual(inside, clear);
	});

	test("the timer saves as often as the setting says", () => {
		const seldom = renderHost(
			moltbot.id,
			{ ...values, backupMinutes: "240" },
			{ compress: false },
		);
		const { files } = JSON.parse(seldom).storage;
		const timer = files.find(
			(file: { path: string }) =>
				file.path === "/etc/systemd/system/backup.timer",
		);
		assert.match(
			decodeURIComponent(timer.contents.source),
			/^OnUnitInactiveSec=240min$/m,
		);
	});

	test("a value that no file asks for is a fault", () => {
		assert.throws(
			() =>
				renderHost(moltbot.id, { ...values, surplus: "1" }, { compress: true }),
			/asks for surplus/,
		);
	});

	test("too large a document is refused with its size", () => {
		assert.throws(
			() =>
				renderHost(
					moltbot.id,
					{ ...values, trustedCertificates: incompressible },
					{ compress: true },
				),
			/has \d+ bytes, 49152 are allowed/,
		);
	});
});

describe("the fingerprint", () => {
	const fingerprint = fingerprintOf(moltbot.id, values, traits);

	for (const name of ["generation", "joinKey", "beaconUrl", "osImage"] as const)
		test(`does not see ${name}`, () => {
			assert.equal(
				fingerprintOf(moltbot.id, { ...values, [name]: "8" }, traits),
				fingerprint,
			);
		});

	for (const name of [
		"hostname",
		"resolvers",
		"egress",
		"osSigningKey",
		"backupMinutes",
		"platformUnits",
	] as const)
		test(`sees ${name}`, () => {
			assert.notEqual(
				fingerprintOf(moltbot.id, { ...values, [name]: "other" }, traits),
				fingerprint,
			);
		});

	test("sees the traits of the VM, in any order", () => {
		assert.notEqual(
			fingerprintOf(moltbot.id, values, { ...traits, plan: "vhf-2c-4gb" }),
			fingerprint,
		);
		assert.equal(
			fingerprintOf(moltbot.id, values, {
				osId: 391,
				plan: "vc2-2c-4gb",
				region: "ewr",
			}),
			fingerprint,
		);
	});
});
