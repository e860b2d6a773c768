// Tries TCP ports: node scan.ts ADDRESS PORT… ; prints those that took the connection or refused it by name, as JSON.
import { connect } from "node:net";

const [host = "", ...ports] = process.argv.slice(2);
/** Long for a line without delays, in milliseconds. */
const patience = 1000;
const together = 1000;

/** `null`: silence. */
function answer(port: number): Promise<"open" | "closed" | null> {
	return new Promise((resolve) => {
		const socket = connect({ host, port });
		const end = (what: "open" | "closed" | null) => {
			socket.destroy();
			resolve(what);
		};
		socket.setTimeout(patience, () => end(null));
		socket.on("connect", () => end("open"));
		socket.on("error", () => end("closed"));
	});
}

const found: Record<string, string> = {};
const wanted = ports.map(Number);
while (wanted.length > 0)
	await Promise.all(
		wanted.splice(0, together).map(async (port) => {
			const what = await answer(port);
			if (what) found[port] = what;
		}),
	);
process.stdout.write(JSON.stringify(found));
