import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { ok, state } from "./asserts.ts";
import { diskMissing, machine } from "./disk.ts";
import { skip, startState } from "./host.ts";
import { describeTree, difference } from "./tree.ts";

/** What file systems allow and programs forget. The ACL is that of `setfacl -m u:2000007:r,d:…`, as the kernel keeps it. */
const plant = `cd /${state}; umask 027
printf a >'two words'; printf b >$'new\\nline'; printf c >'-dash'; printf d >'ü€'; printf e >$'\\xff\\xfe latin'; printf f >'//' 2>/dev/null
printf g >"$(printf 'n%.0s' {1..255})"; printf h >' leading'; printf i >$'tab\\tand//nothing' 2>/dev/null
ln 'two words' hard; ln -s /nowhere dangling; ln -s "$(printf 'p%.0s' {1..3000})" long; truncate -s 64M sparse; printf x >>sparse
mkdir -p empty deep/er; printf z >deep/er/f; ln deep/er/f ../workspace/across; mkfifo pipe
touch -d '1969-12-31 23:59:58.123456789Z' 'two words'; touch -d '2100-01-01' deep
chown -R 2001:2001 .; chown 2000005:2000006 deep/er/f; chown -h 2000009:2000009 dangling
chmod 0600 deep/er/f; chmod 4711 -- -dash; chmod 1777 empty; chmod 0000 'ü€'
python3 - <<'P'
import os, socket, struct
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in [(1, 6, 2**32 - 1), (2, 4, 2000007), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)])
os.setxattr("two words", "system.posix_acl_access", acl)
os.setxattr("deep", "system.posix_acl_default", acl)
os.setxattr("two words", "user.moltbot", b"\\x00binary\\xff")
os.setxattr("deep", "user.empty", b"")
socket.socket(socket.AF_UNIX).bind("socket")
P
mkdir node_modules; printf n >node_modules/n`;

test("every quirk of a file system survives the round trip", {
	skip: skip || diskMissing() || false,
	timeout: 120_000,
}, async (t) => {
	const { host } = await startState(t);
	const first = await host(3, { root: machine(t).disk.folder });
	ok(await first.script("restore"));
	ok(await first.run("bash", "-c", plant));
	ok(await first.script("backup"));

	const second = await host(4, { root: machine(t).disk.folder });
	ok(await second.script("restore"));
	for (const folder of ["state", "workspace"]) {
		const path = `var/lib/moltbot/${folder}`;
		assert.deepEqual(
			difference(
				describeTree(second.at(path)),
				describeTree(first.at(path)),
			).filter((line) => !line.includes("(b'.'")),
			[],
		);
	}
	const text = describeTree(second.at(state));
	for (const present of [
		"system.posix_acl_access",
		"system.posix_acl_default",
		"user.moltbot",
		"\\xff\\xfe latin",
		"2000005, 2000006",
		"[b'hard', b'two words']",
	])
		assert.ok(text.includes(present), present);
	assert.ok(!text.includes("socket"));
	const { ino } = statSync(second.at(`${state}/deep/er/f`));
	assert.equal(
		statSync(second.at("var/lib/moltbot/workspace/across")).ino,
		ino,
	);
	const { size, blocks } = statSync(second.at(`${state}/sparse`));
	assert.equal(size, 64 * 1024 * 1024 + 1);
	assert.ok(blocks * 512 < 4 * 1024 * 1024, `${blocks} blocks`);
});
