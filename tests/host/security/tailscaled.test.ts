// Whoever reaches the socket of tailscaled may dial through it, as root: nothing asks who he is. The folder keeps others away.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { tool } from "../../../tools/setup.ts";
import { skip } from "./namespaces.ts";

const run = promisify(execFile);
const dropIn = readFileSync(
	new URL("../../../quadlets/host/tailscaled.conf", import.meta.url),
	"utf8",
);
/** As in the packaged unit. */
const packaged = "0755";

test("the agent cannot dial into the tailnet through tailscaled", {
	skip,
	timeout: 600_000,
}, async (t) => {
	const program = await tool("tailscaled");
	const folder = mkdtempSync(join(tmpdir(), "moltbot-tailscaled-"));
	chmodSync(folder, 0o755);
	const runtime = join(folder, "tailscale");
	mkdirSync(runtime);
	const socket = join(runtime, "tailscaled.sock");
	// A network of its own: it reaches nobody.
	const daemon = spawn(
		"unshare",
		[
			...["--net", program, "--tun=userspace-networking"],
			...["--no-logs-no-support", `--statedir=${folder}`],
			...[`--socket=${socket}`, "--port=0"],
		],
		{ stdio: "ignore" },
	);
	t.after(async () => {
		daemon.kill();
		if (daemon.exitCode === null) await once(daemon, "exit");
		rmSync(folder, { recursive: true, force: true });
	});
	const deadline = AbortSignal.timeout(30_000);
	while (!existsSync(socket)) {
		deadline.throwIfAborted();
		await sleep(50);
	}
	/** Asks it, as the agent, to dial; says what came back. */
	const dial = () =>
		run("setpriv", [
			...["--reuid=2001", "--regid=2001", "--clear-groups"],
			...["curl", "--silent", "--show-error", "--include", "--max-time", "5"],
			...["--unix-socket", socket, "--request", "POST"],
			...["--header", "Connection: upgrade", "--header", "Upgrade: ts-dial"],
			...["--header", "Dial-Host: 127.0.0.1", "--header", "Dial-Port: 9"],
			"http://local-tailscaled.sock/localapi/v0/dial",
		]).then(
			({ stdout }) => stdout,
			(error: { stderr: string }) => error.stderr,
		);

	const [, ours = ""] = /^RuntimeDirectoryMode=(\d+)$/m.exec(dropIn) ?? [];
	chmodSync(runtime, Number.parseInt(ours, 8));
	assert.match(await dial(), /curl: \(7\)/);
	// Control: as packaged it plans the connection for him, and would make it where the address is the tailnet's.
	chmodSync(runtime, Number.parseInt(packaged, 8));
	assert.match(await dial(), /^HTTP\/1\.1 200[\s\S]*Dial-Self: true/);
});
