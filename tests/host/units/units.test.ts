import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { moltbot } from "../../../infra/platforms/moltbot.ts";

const repository = new URL("../../..", import.meta.url).pathname;
const list = (folder: string) =>
	readdirSync(`${repository}quadlets/${folder}`).map(
		(name) => `quadlets/${folder}/${name}`,
	);
const text = (file: string) => readFileSync(repository + file, "utf8");
const files = [...list("host"), ...list("moltbot")];
const has = (tool: string) => spawnSync("which", [tool]).status === 0;

test("what every host gets knows no platform", () => {
	for (const file of ["butane/host.bu", ...list("host")])
		assert.doesNotMatch(
			text(file),
			/openclaw|discord|gateway\.(container|image)/i,
			file,
		);
});

test("every file lands somewhere and says why it is there", () => {
	const butane = text("butane/host.bu") + text("butane/moltbot.bu");
	for (const file of files) {
		assert.ok(
			butane.includes(`local: ${file} `) ||
				moltbot.files.some(({ template }) => template === file),
			`${file} is in no .bu file and in no delivery`,
		);
		// JSON, keys and certificates cannot carry a comment.
		if (/\.(json|pub|pem)$/.test(file)) continue;
		assert.match(text(file), /^(#!\/bin\/bash\n)?(#|\/\/) \S/, file);
	}
});

test("what starts with the host waits for the final system, or belongs before it", () => {
	const early = new Set([
		"rebase.service",
		"guard.service",
		"trust.service",
		"failed@.service",
	]);
	for (const file of files.filter((f) =>
		/\.(service|container|image|timer)$/.test(f),
	))
		if (!early.has(file.split("/").at(-1) ?? ""))
			assert.match(text(file), /^ConditionOSRelease=VARIANT_ID=ucore$/m, file);
});

test("executables lie where SELinux lets services run them", () => {
	const butane = text("butane/host.bu") + text("butane/moltbot.bu");
	for (const [, path] of butane.matchAll(
		/path: (\S+)\n\s+mode: 0755\n\s+contents/g,
	))
		assert.match(path ?? "", /^\/usr\/local\/(bin|libexec)\//);
});

const namespaces =
	has("nft") && spawnSync("unshare", ["-n", "true"]).status === 0;
test("the packet filter loads twice, with resolvers of both families", {
	skip: namespaces ? false : "needs nft and root",
}, () => {
	const table = `${text("quadlets/host/guard.nft")}
add element inet moltbot_guard resolvers4 { 108.61.10.10 }
add element inet moltbot_guard resolvers6 { 2001:19f0:300:1704::6 }
`;
	const result = spawnSync(
		"unshare",
		[
			"-n",
			"sh",
			"-c",
			"cat >/dev/shm/$$; nft -f /dev/shm/$$ && nft -f /dev/shm/$$; code=$?; rm /dev/shm/$$; exit $code",
		],
		{ input: table, encoding: "utf8" },
	);
	assert.equal(result.status, 0, result.stderr);
});
