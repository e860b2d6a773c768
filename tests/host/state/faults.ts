import { spawnSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import type { FaultInput } from "../../../lab/clouds/faults.ts";
import type { Disk, Slice } from "./disk.ts";
import { cgroup, type StateHost, type startState } from "./host.ts";

/** One host on a disk of its own, while a step of it is held. */
export interface Held {
	readonly state: Awaited<ReturnType<typeof startState>>;
	readonly bucket: string;
	readonly bucketId: string;
	readonly host: StateHost;
	readonly disk: Disk;
	readonly slice: Slice;
	/** Ends all processes of the command, at once. */
	readonly kill: () => Promise<void>;
	/** Lets the step go on. */
	readonly go: () => void;
}

/** What goes wrong; gives what makes the world whole again (never the host: it must do that itself). */
export type Fault = (held: Held) => Promise<() => Promise<void> | void>;

/** The newest version of each file of the bucket, newest first. */
async function files({ state, bucketId }: Held, prefix: string) {
	const { json } = await state.admin.post("b2_list_file_names", {
		bucketId,
		prefix,
		maxFileCount: 1000,
	});
	const list = json.files as { fileName: string; uploadTimestamp: number }[];
	return list.sort((a, b) => b.uploadTimestamp - a.uploadTimestamp);
}

/** Hides files, as the host's own key can; whole again when the markers are gone. */
async function hidden(held: Held, prefix: string) {
	const { admin } = held.state;
	const markers: object[] = [];
	for (const { fileName } of await files(held, prefix)) {
		const { json } = await admin.post("b2_hide_file", {
			bucketId: held.bucketId,
			fileName,
		});
		markers.push({ fileName, fileId: json.fileId });
	}
	return async () => {
		for (const marker of markers)
			await admin.post("b2_delete_file_version", marker);
	};
}

/** Puts other bytes in the place of the newest pack; they stay. */
async function damaged(held: Held, change: (bytes: string) => string) {
	const [newest] = await files(held, "restic/data/");
	if (newest) {
		const { fileName } = newest;
		const { text } = await held.state.admin.download(held.bucket, fileName);
		await held.state.admin.upload(held.bucketId, fileName, change(text));
	}
	held.go();
	return () => {};
}

const secret = (held: Held, name: string, value: string) =>
	writeFileSync(held.host.at(`etc/moltbot/host-secrets/${name}`), value);

/** For three seconds, or until the command has given up. */
function outage(action: FaultInput["action"]): Fault {
	return async ({ state, go }) => {
		const { control } = state.lab;
		await control.fault({ cloud: "backblaze", count: null, action });
		go();
		const end = setTimeout(() => void control.clearFaults(), 3000);
		return async () => {
			clearTimeout(end);
			await control.clearFaults();
		};
	};
}

export const faults: Readonly<Record<string, Fault>> = {
	"power cut": async (held) => {
		held.disk.cut();
		await held.slice.kill();
		await held.kill();
		held.disk.powerUp();
		return () => {};
	},
	SIGKILL: async (held) => {
		await held.kill();
		// What the unit's ExecStopPost does.
		await held.host.run("sh", "-c", `echo 0 >${cgroup}/cgroup.freeze`);
		return () => {};
	},
	"bucket down": outage("reset"),
	"bucket slow": outage({ delay: 800 }),
	"credentials revoked": async (held) => {
		const { admin } = held.state;
		await admin.post("b2_delete_key", {
			applicationKeyId: held.host.secrets["backup-key-id"],
		});
		held.go();
		return async () => {
			const key = await admin.key({ bucketIds: [held.bucketId] });
			Object.assign(held.host.secrets, {
				"backup-key-id": key.id,
				"backup-key": key.secret,
			});
			secret(held, "backup-key-id", key.id);
			secret(held, "backup-key", key.secret);
		};
	},
	"disk full": async (held) => {
		const { bavail, bsize } = statfsSync(held.disk.folder);
		const ballast = held.host.at("ballast");
		spawnSync("fallocate", ["-l", String(bavail * bsize - 262_144), ballast]);
		held.go();
		return () => rmSync(ballast, { force: true });
	},
	"flipped byte": (held) =>
		damaged(held, (bytes) => `${bytes.slice(0, 40)}~${bytes.slice(41)}`),
	"truncated pack": (held) =>
		damaged(held, (bytes) => bytes.slice(0, bytes.length / 2)),
	"wrong password": async (held) => {
		secret(held, "backup-password", "wrong");
		held.go();
		return () =>
			secret(held, "backup-password", held.host.secrets["backup-password"]);
	},
	// The clock of the machine is that of the host and stays; this is what Backblaze answers to such a one.
	"clock wrong by a year": outage({
		status: 403,
		headers: { "content-type": "application/xml" },
		body: "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time is too large.</Message></Error>",
	}),
	"empty repository": async (held) => {
		const whole = await hidden(held, "restic/snapshots/");
		held.go();
		return whole;
	},
	"missing repository": async (held) => {
		const whole = await hidden(held, "restic/");
		held.go();
		return whole;
	},
	"two hosts": async (held) => {
		await held.state.admin.upload(
			held.bucketId,
			"moltbot/generation/00000008.json",
			"{}",
		);
		held.go();
		return () => {};
	},
};

/** Where it goes wrong: the command that runs, and the call within it that is held. */
export const steps: Readonly<
	Record<
		string,
		{ command: "backup" | "restore" | "last-backup" | "deliver"; at: string }
	>
> = {
	"backup: while frozen": { command: "backup", at: "^frozen$" },
	"backup: save": { command: "backup", at: "^podman .* backup --json" },
	"restore: list": { command: "restore", at: "^podman .* snapshots --json" },
	"restore: fetch": { command: "restore", at: "^podman .* restore " },
	"restore: marker": { command: "restore", at: "^sync --file-system" },
	"destroy: stop": { command: "last-backup", at: "^systemctl --user stop" },
	"destroy: save": { command: "last-backup", at: "^podman .* backup --json" },
	"destroy: read back": { command: "last-backup", at: "^podman .* dump " },
	"change: save": { command: "deliver", at: "^podman .* backup --json" },
	"change: start": {
		command: "deliver",
		at: "^systemctl --user restart .*gateway.service",
	},
};
