import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder with the local files that corpus and generated documents name, as far as they are there; the caller removes it. */
export function localFiles(): string {
	const folder = mkdtempSync(join(tmpdir(), "butane-fuzz-"));
	const write = (path: string, text: string, mode = 0o644) => {
		mkdirSync(join(folder, path, ".."), { recursive: true });
		writeFileSync(join(folder, path), text, { mode });
	};
	write("a.txt", "hello\n");
	write("big.txt", "the same line again\n".repeat(200));
	write("unit", "[Unit]\nDescription=a unit\n");
	write("keys", "ssh-ed25519 A\n\nssh-rsa B\r\n");
	write("inner.ign", '{"ignition": {"version": "3.6.0"}}');
	write("tree/etc/file", "x\n");
	write("tree/usr/bin/run", "#!/bin/sh\n", 0o755);
	symlinkSync("file", join(folder, "tree/etc/link"));
	mkdirSync(join(folder, "hollow"));
	write("odd/file", "x\n");
	spawnSync("mkfifo", [join(folder, "odd/pipe")]);
	return folder;
}
