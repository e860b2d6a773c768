import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rules } from "./selinux.ts";
import { renderedTree, type Tree, type TreeFile } from "./tree.ts";

const tree = renderedTree();
const file = (path: string, text: string, mode = 0o644): TreeFile => ({
	path,
	text,
	mode,
	user: 0,
	group: 0,
});
const container = (text: string) =>
	file(
		"/etc/containers/systemd/users/2001/x.container",
		`[Container]\n${text}\n`,
	);
const program = (line: string) =>
	file("/usr/local/libexec/moltbot/x", `#!/bin/bash\n${line}\n`, 0o755);
const withFile = (added: TreeFile): Tree => ({
	...tree,
	files: [...tree.files, added],
});

/** For each rule a tree that breaks it and no other. */
const broken: Record<string, Tree> = {
	"executables in /usr/local": withFile(file("/etc/moltbot/hook", "", 0o755)),
	"services start programs with a label for it": withFile(
		file("/etc/systemd/system/x.service", "[Service]\nExecStart=-/var/lib/x\n"),
	),
	"shared folders are :z": withFile(
		container("Volume=/var/lib/moltbot/workspace:/workspace:Z"),
	),
	"what belongs to the host is not relabelled": withFile(
		container("Volume=/etc/moltbot:/etc/moltbot:ro,z"),
	),
	"a mounted socket needs the label off": withFile(
		container("Volume=%t/podman/podman.sock:/run/podman/podman.sock"),
	),
	"the label is off only for a socket": withFile(
		container("SecurityLabelDisable=true"),
	),
	"containers that scripts start can read what they mount": withFile(
		program("podman run --rm \\\n --volume=/var/lib/moltbot:/data image"),
	),
	"what is moved gets the label of its new place": withFile(
		program('mv "$staging/state" /var/lib/moltbot/state'),
	),
	"nobody turns it off": withFile(program("setenforce 0")),
	"state lies below /var/lib": withFile(file("/var/moltbot/x", "")),
	"homes lie below /var/home": {
		...tree,
		users: [{ name: "x", homeDir: "/srv/x" }],
	},
	"units are links to units": {
		...tree,
		links: [{ path: "/etc/systemd/system/x.service", target: "/var/lib/x" }],
	},
};

describe("SELinux would let it run", () => {
	for (const { name, reason, check } of rules)
		test(`${name}: ${reason}`, () => {
			assert.deepEqual(check(tree), []);
		});

	for (const rule of rules)
		test(`"${rule.name}" finds what it is for`, () => {
			const example = broken[rule.name];
			assert.ok(example, "a rule without an example proves nothing");
			for (const { name, check } of rules)
				assert.equal(check(example).length, name === rule.name ? 1 : 0, name);
		});
});
