import assert from "node:assert/strict";
import test from "node:test";
import { parse, serialize, translate } from "./index.ts";

const head = "variant: fcos\nversion: 1.4.0\n";
const files = { read: (path: string) => Buffer.from(`[Unit]\n# ${path}\n`) };

function run(body: string, options = {}) {
	const { document, report } = parse(head + body, { contentsLocal: true });
	assert.ok(document, report.toString());
	return translate(document, options);
}

test("reads 0644 as octal and writes the reference's data URL", () => {
	const { ignition } = run(
		"storage: {files: [{path: /a, mode: 0644, contents: {inline: 'a b'}}]}",
	);
	assert.ok(ignition);
	assert.equal(
		serialize(ignition),
		'{"ignition":{"version":"3.3.0"},"storage":{"files":[{"contents":{"compression":"","source":"data:,a%20b"},"mode":420,"path":"/a"}]}}',
	);
});

test("reads contents_local from the given source", () => {
	const body = "systemd: {units: [{name: a.service, contents_local: u/a}]}";
	const { ignition } = run(body, { files });
	assert.ok(ignition);
	assert.match(serialize(ignition), /# u\/a/);
	assert.match(run(body).report.toString(), /files directory/);
});

test("names path, line and column of every problem at once", () => {
	const { report } = parse(
		`${head}passwd:\n  users:\n    - name: core\n      uid: many\n      nam: x\n`,
	);
	assert.deepEqual(
		report.problems.map((p) => [p.severity, p.path.join("."), p.position]),
		[
			["error", "passwd.users.0.uid", { line: 6, column: 12 }],
			["warning", "passwd.users.0.nam", { line: 7, column: 7 }],
		],
	);
});

test("a version has its own keys only", () => {
	const body = "variant: fcos\nversion: 1.0.0\nstorage: {luks: []}\n";
	assert.match(parse(body).report.toString(), /unused key luks/);
	assert.match(
		parse("variant: fcos\nversion: 1.8.0\n").report.toString(),
		/No translator exists for variant fcos with version 1.8.0/,
	);
});

test("an entry that boot_device makes is merged with the author's", () => {
	const { ignition, report } = run(
		"boot_device: {layout: aarch64, mirror: {devices: [/dev/vda, /dev/vdb]}}\nstorage: {disks: [{device: /dev/vda, partitions: [{label: root-1, size_mib: 9000}]}]}",
	);
	assert.ok(ignition, report.toString());
	const { disks } = ignition.storage as { disks: { partitions: unknown[] }[] };
	assert.deepEqual(disks[0]?.partitions[3], { label: "root-1", sizeMiB: 9000 });
	assert.equal(disks.length, 2);
});

test("refuses a link in the place of a unit that with_mount_unit makes", () => {
	const { report } = run(
		"storage: {filesystems: [{device: /dev/vdb, format: xfs, path: /var/a, with_mount_unit: true}], links: [{path: /etc/systemd/system/var-a.mount, target: /x}]}",
	);
	assert.match(report.toString(), /links\.0\.path.*systemd unit/);
});

for (const [name, text] of [
	["deep nesting", "[".repeat(10_000)],
	["NUL", "a: \0"],
	["__proto__", `${head}__proto__: {x: 1}`],
	["a key twice", `${head}variant: fcos`],
	["a scalar", "1"],
	["nothing", ""],
] as const)
	test(`answers ${name} with a problem`, () => {
		assert.ok(parse(text).report.problems.length > 0);
	});

test("says how to mend a colon before a comma", () => {
	const { report } = parse(`${head}a: {source: data:,x}`);
	assert.match(report.toString(), /line 3 col 17: .* must be quoted/);
	assert.deepEqual(parse(`${head}a: {source: "data:,x"}`).report.fatal, false);
});

test("a merged mapping fills in what is not written", () => {
	const { document, report } = parse(
		`${head}base: &base {name: a, uid: 5}\npasswd: {users: [{<<: *base, uid: 6}, {<<: [{name: b}, *base]}]}`,
	);
	assert.deepEqual(document?.passwd?.users, [
		{ name: "a", uid: 6 },
		{ name: "b", uid: 5 },
	]);
	assert.deepEqual(
		report.problems.map((p) => `${p.path.join(".")}: ${p.message}`),
		[
			"base: unused key base",
			"passwd.users.0.<<: unused key <<",
			"passwd.users.1.<<: unused key <<",
		],
	);
});

test("warns where keys are not looked at, and strict refuses there", () => {
	for (const [body, path] of [
		["a: &a {x: 1}\nstorage: *a", "storage"],
		["storage: ~", "storage"],
		["storage: {files: [{path: /a}, ~, {path: /b, x: 1}]}", "storage.files.1"],
	]) {
		const { document, report } = parse(`${head}${body}`);
		assert.ok(document);
		assert.equal(report.problems.at(-1)?.path.join("."), path);
		assert.equal(parse(`${head}${body}`, { strict: true }).document, null);
	}
});

test("strict turns a warning into a refusal", () => {
	const body = "storage: {files: [{path: /a, mode: 644}]}";
	assert.ok(run(body).ignition);
	assert.equal(run(body, { strict: true }).ignition, null);
});
