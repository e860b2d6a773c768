import { spawnSync } from "node:child_process";
import {
	chmodSync,
	mkdirSync,
	mkdtempSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ignition, serialize } from "../src/index.ts";

/* What Ignition expects of a root: accounts, and a policy that it may relabel by (here: none). */
const base: Record<string, string> = {
	"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
	"etc/shadow": "root:*:19000::::::\n",
	"etc/group":
		"root:x:0:\nwheel:x:10:\nsudo:x:27:\ndocker:x:998:\nplugdev:x:46:\n",
	"etc/gshadow": "root:::\nwheel:::\nsudo:::\ndocker:::\nplugdev:::\n",
	"etc/login.defs": "CREATE_HOME yes\nUID_MIN 1000\nGID_MIN 1000\n",
	"etc/selinux/config": "SELINUX=disabled\nSELINUXTYPE=targeted\n",
	"etc/selinux/targeted/contexts/files/file_contexts": "",
};

/** A root folder to which a configuration was applied by Ignition itself; removed when disposed of. */
export class AppliedRoot implements Disposable {
	readonly #folder = mkdtempSync(join(tmpdir(), "butane-root-"));
	readonly root = join(this.#folder, "root");

	constructor(program: string, ignition: Ignition) {
		// Ignition writes a user's keys as that user.
		chmodSync(this.#folder, 0o755);
		for (const [path, text] of Object.entries(base))
			this.#write(`root/${path}`, text);
		mkdirSync(join(this.root, "var/home"), { recursive: true });
		this.#write("bin/setfiles", "#!/bin/sh\nexec cat >/dev/null\n");
		chmodSync(join(this.#folder, "bin/setfiles"), 0o755);
		this.#write("config.ign", serialize(ignition));
		for (const stage of ["fetch", "files"]) this.#run(program, stage);
	}

	#write(path: string, text: string): void {
		const full = join(this.#folder, path);
		mkdirSync(join(full, ".."), { recursive: true });
		writeFileSync(full, text);
	}

	#run(program: string, stage: string): void {
		const at = (name: string) => join(this.#folder, name);
		const { status, stdout, stderr } = spawnSync(
			program,
			[
				"--platform=file",
				`--stage=${stage}`,
				`--root=${this.root}`,
				`--config-cache=${at("cache.json")}`,
				`--state-file=${at("state")}`,
				`--neednet=${at("neednet")}`,
				"--log-to-stdout",
			],
			{
				encoding: "utf8",
				env: {
					PATH: `${at("bin")}:${process.env.PATH}`,
					IGNITION_CONFIG_FILE: at("config.ign"),
				},
			},
		);
		if (status !== 0)
			throw new Error(
				`Ignition, stage ${stage}:\n${(stdout + stderr)
					.split("\n")
					.filter((line) => /error|fail|crit|emerg/i.test(line))
					.slice(0, 12)
					.join("\n")}`,
			);
	}

	[Symbol.dispose](): void {
		rmSync(this.#folder, { recursive: true });
	}
}
