import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { hostArtefacts, hostMissing } from "../../../lab/host/artefacts.ts";
import { tool } from "../../../tools/setup.ts";
import { file, testHost } from "../labhost/setup.ts";
import { document } from "./attackHost.ts";
import {
	accepted,
	acceptedOfImages,
	type Finding,
	lynis,
	lynisOfImage,
	mendedBy,
	mostExposed,
} from "./audit.ts";

const sysctl = readFileSync(
	new URL("../../../quadlets/host/sysctl.conf", import.meta.url),
	"utf8",
);
const archive = "/var/tmp/lynis.tar.gz";

/** The auditing tool as a file of the host's document. */
async function asFile() {
	const tree = dirname(dirname(dirname(await tool("lynis"))));
	const tar = execFileSync(
		"tar",
		[
			...["-C", tree, "--owner=0", "--group=0", "-cz"],
			...["usr/share/lynis", "usr/sbin", "etc/lynis"],
		],
		{ maxBuffer: 16 * 1024 * 1024 },
	);
	return {
		...file(archive, ""),
		contents: { source: `data:;base64,${tar.toString("base64")}` },
	};
}

test("auditing tools find nothing on the host that is neither mended nor accepted for a reason", {
	timeout: 600_000,
}, async (t) => {
	const missing = hostMissing();
	if (missing !== undefined) return t.skip(missing);
	const further = [await asFile()];
	const { host, remove, shell, up } = await testHost(
		`mbt-audit-${process.pid}`,
		await hostArtefacts(),
		() => document(further),
	);
	t.after(remove);
	await host.boot();
	await up();

	await t.test("lynis", async (t) => {
		const findings = await lynis(host, archive);
		const mended = mendedBy(sysctl);
		const open = findings.filter(
			(finding) => !mended(finding) && accepted[finding.id] === undefined,
		);
		assert.deepEqual(open, []);
		const found = new Set(findings.map(({ id }) => id));
		const stale = Object.keys(accepted).filter((id) => !found.has(id));
		assert.deepEqual(stale, [], "accepted, but not found any more");
		t.diagnostic(
			`${findings.length} findings, ${findings.filter(mended).length} mended by the kernel's settings`,
		);
		assert.ok(findings.some(mended));
	});

	await t.test("lynis, the images' recipes", async () => {
		const findings: Finding[] = [];
		for (const name of ["gateway", "sandbox", "backup"])
			findings.push(
				...(await lynisOfImage(
					host,
					archive,
					readFileSync(
						new URL(`../../../images/${name}/Containerfile`, import.meta.url),
						"utf8",
					),
				)),
			);
		const found = new Set(findings.map(({ id }) => id));
		assert.deepEqual([...found].sort(), Object.keys(acceptedOfImages).sort());
	});

	await t.test("it sees what is planted", async () => {
		await shell(
			"cp -p /etc/passwd /run/passwd; echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd",
		);
		const findings = await lynis(host, archive, ["AUTH-9204"]);
		await shell("cp -p /run/passwd /etc/passwd");
		assert.ok(findings.some(({ id }) => id === "AUTH-9204"));
	});

	await t.test("systemd-analyze security", async (t) => {
		const ours = (
			await shell(
				"find /etc/systemd/system -maxdepth 1 -type f -name '*.service'",
			)
		)
			.split("\n")
			.map((path) => path.split("/").at(-1)?.replace("@.", "@test.") ?? "");
		assert.deepEqual(ours.sort(), Object.keys(mostExposed).sort());
		const judged = await shell(
			`systemd-analyze security --no-pager ${ours.join(" ")}`,
		);
		const exposure = new Map(
			[...judged.matchAll(/exposure level for (\S+): ([\d.]+)/g)].map(
				([, unit, level]) => [unit, Number(level)],
			),
		);
		for (const [unit, [most, reason]] of Object.entries(mostExposed)) {
			const is = exposure.get(unit) ?? Number.NaN;
			assert.ok(is <= most, `${unit}: ${is}, accepted ${most}: ${reason}`);
			// A unit that is better than what is written is written down anew.
			assert.ok(is > most - 1, `${unit}: ${is} is less than ${most}`);
			t.diagnostic(`${unit} ${is}`);
		}
	});
});
