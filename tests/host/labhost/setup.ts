import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostArtefacts } from "../../../lab/host/artefacts.ts";
import { LabHost } from "../../../lab/host/host.ts";
import {
	connect,
	disconnect,
	namespacePath,
} from "../../../lab/network/link.ts";

export const labAddress = "192.0.2.1";

/** A file of an Ignition document. */
export function file(path: string, content: string) {
	const source = `data:,${encodeURIComponent(content)}`;
	return { path, mode: 0o644, overwrite: true, contents: { source } };
}

/** The host's network: Ignition's part of what `connect` makes. */
export const networkFile = file(
	"/etc/systemd/network/10-eth0.network",
	`[Match]\nName=eth0\n[Network]\nAddress=192.0.2.2/24\nGateway=${labAddress}\n`,
);

/** A host on a network of its own; `remove` takes all of it away. */
export async function testHost(
	name: string,
	artefacts: HostArtefacts,
	document: (dir: string, labNamespace: string) => Promise<object> | object,
) {
	const dir = mkdtempSync(join(tmpdir(), "labhost-"));
	const link = {
		namespace: `${name}-host`,
		labNamespace: `${name}-lab`,
		labDevice: "host",
		labAddress: `${labAddress}/24`,
	};
	execFileSync("ip", ["netns", "add", link.labNamespace]);
	const loopback = ["link", "set", "lo", "up"];
	execFileSync("ip", ["-n", link.labNamespace, ...loopback]);
	await connect(link);
	const config = join(dir, "config.ign");
	const host = new LabHost({
		id: name,
		dir: join(dir, "host"),
		netns: namespacePath(link.namespace),
		...artefacts,
		config: { platform: "file", path: config },
	});
	const remove = async () => {
		await host.destroy();
		await disconnect(link);
		execFileSync("ip", ["netns", "del", link.labNamespace]);
		rmSync(dir, { recursive: true, force: true });
	};
	try {
		writeFileSync(
			config,
			JSON.stringify(await document(dir, link.labNamespace)),
		);
	} catch (error) {
		await remove();
		throw error;
	}
	return {
		host,
		remove,
		shell: async (script: string) =>
			(await host.exec(["/bin/sh", "-c", script])).stdout.trim(),
		up: () => host.waitUntilUp(AbortSignal.timeout(60_000)),
	};
}
