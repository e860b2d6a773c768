import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { tool } from "../../../tools/setup.ts";
import { examples, filesOf } from "../tests/examples.ts";
import { assertHolds } from "../tests/holds.ts";
import { AppliedRoot } from "../tests/ignition.ts";
import { go } from "../tests/reference.ts";
import {
	type Fcos,
	filesDir,
	type Ignition,
	parse,
	translate,
} from "./index.ts";

/** One of everything that Ignition writes into a root folder. */
const everything: Fcos = {
	variant: "fcos",
	version: "1.7.0",
	passwd: {
		groups: [{ name: "crew", gid: 1500 }],
		users: [
			{
				name: "ada",
				uid: 1501,
				gecos: "Ada",
				home_dir: "/var/home/ada",
				shell: "/bin/sh",
				groups: ["wheel", "crew"],
				ssh_authorized_keys: ["ssh-ed25519 AAAA ada@example"],
			},
		],
	},
	storage: {
		directories: [{ path: "/var/demo", mode: 0o700, user: { id: 1501 } }],
		files: [
			{ path: "/etc/demo/plain", contents: { inline: "aé 100 %\n" } },
			{
				path: "/etc/demo/packed",
				mode: 0o600,
				user: { id: 1501 },
				group: { id: 1500 },
				contents: { inline: "the same line again\n".repeat(500) },
			},
			{ path: "/etc/demo/empty", mode: 0o444, contents: { inline: "" } },
			{
				path: "/etc/demo/bytes",
				contents: { inline: "\u0001\u0002ÿ\u0007".repeat(40) },
			},
			{
				path: "/etc/demo/joined",
				contents: { source: "data:,first%0A" },
				append: [{ inline: "second\n" }, { inline: "third\n".repeat(300) }],
			},
			{
				path: "/var/demo/run.sh",
				mode: 0o4755,
				contents: { inline: "#!/bin/sh\n" },
			},
		],
		links: [
			{ path: "/etc/demo/soft", target: "../demo/plain" },
			{ path: "/etc/demo/hard", target: "/etc/demo/plain", hard: true },
		],
	},
	systemd: {
		units: [
			{
				name: "demo.service",
				enabled: true,
				contents:
					"[Service]\nExecStart=/bin/true\n\n[Install]\nWantedBy=multi-user.target\n",
				dropins: [{ name: "10-more.conf", contents: "[Service]\nNice=5\n" }],
			},
			{ name: "other.timer", enabled: false },
			{ name: "gone.service", mask: true },
		],
	},
};

const skip = () =>
	process.getuid?.() !== 0
		? "needs root"
		: go("version").status !== 0
			? "needs go"
			: undefined;

test("Ignition makes of a document the tree that it describes", async (t) => {
	const missing = skip();
	if (missing) return t.skip(missing);
	const { ignition, report } = translate(everything);
	assert.ok(ignition, report.toString());
	using applied = new AppliedRoot(await tool("ignition"), ignition);
	assert.ok(assertHolds(applied.root, everything, "") > 20);
});

test("so it does with the reference's examples that need neither disks nor a network", async (t) => {
	const missing = skip();
	if (missing) return t.skip(missing);
	const program = await tool("ignition");
	const sample = examples().filter(({ version }) => version === "1.5.0");
	const files = filesOf(sample.map(({ text }) => text));
	let [applied, looked] = [0, 0];
	try {
		for (const { name, text } of sample) {
			const { document } = parse(text);
			if (!document) continue;
			const { ignition } = translate(document, { files: filesDir(files) });
			if (!ignition || !isLocal(ignition)) continue;
			using root = new AppliedRoot(program, ignition);
			looked += assertHolds(root.root, document, files);
			applied++;
			t.diagnostic(name);
		}
	} finally {
		rmSync(files, { recursive: true });
	}
	t.diagnostic(`${applied} applied, ${looked} things looked at`);
	assert.ok(
		applied >= 8,
		`only ${applied} of ${sample.length} could be applied`,
	);
});

/** Only what Ignition's stage "files" does, without a server. */
function isLocal(ignition: Ignition): boolean {
	const storage = (ignition.storage ?? {}) as Record<string, unknown>;
	const text = JSON.stringify(ignition);
	return (
		!["disks", "raid", "filesystems", "luks"].some((key) => key in storage) &&
		!("kernelArguments" in ignition) &&
		!/"(merge|replace)":/.test(text) &&
		// Keys without a home to put them in.
		!text.includes('"noCreateHome":true') &&
		!/"source":"(https?|s3|gs|tftp|arn):/.test(text)
	);
}
