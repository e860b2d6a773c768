// One end of the network tests, run by Node inside a network namespace:
//   wire.ts listen '[{"protocol","address","port"}]'      accepts everything, prints a JSON line for each arrival; "ready" first
//   wire.ts try UID '[{"protocol","address","port"}]'     as that uid: sends a word to each, prints a JSON list of outcomes
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, isIPv6 } from "node:net";

/** Where something listens or is sent to. */
export interface End {
	readonly protocol: "tcp" | "udp";
	readonly address: string;
	readonly port: number;
}

/** "ok", or the error code that the sender saw. */
export type Outcome = string;

const patience = 1500;

async function listen({ protocol, address, port }: End): Promise<void> {
	const seen = (local: string, payload: string) =>
		console.log(JSON.stringify({ protocol, local, port, payload }));
	if (protocol === "tcp") {
		const server = createServer((socket) => {
			const local = socket.localAddress ?? "";
			socket.on("error", () => socket.destroy());
			socket.on("data", (data) => {
				seen(local, String(data));
				socket.end("reached");
			});
		});
		server.listen({ host: address, port, ipv6Only: isIPv6(address) });
		await once(server, "listening");
	} else {
		const socket = createSocket({
			type: isIPv6(address) ? "udp6" : "udp4",
			ipv6Only: isIPv6(address),
		});
		socket.on("message", (data, from) => {
			seen(address, String(data));
			socket.send("reached", from.port, from.address);
		});
		socket.bind(port, address);
		await once(socket, "listening");
	}
}

function attempt({ protocol, address, port }: End): Promise<Outcome> {
	const word = `${protocol} ${address} ${port}`;
	return new Promise((resolve) => {
		const timer = setTimeout(() => resolve("timeout"), patience);
		const end = (outcome: Outcome) => {
			clearTimeout(timer);
			resolve(outcome);
		};
		const failed = (error: NodeJS.ErrnoException) =>
			end(error.code ?? error.message);
		if (protocol === "tcp") {
			const socket = connect({ host: address, port }, () => socket.write(word));
			socket.on("error", failed);
			socket.on("data", (data) => {
				end(String(data) === "reached" ? "ok" : "garbled");
				socket.destroy();
			});
		} else {
			const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
			socket.on("error", failed);
			socket.on("message", () => end("ok"));
			// Connected: the kernel then tells of a refusal that came as ICMP.
			socket.connect(port, address, () =>
				socket.send(word, (error) => error && failed(error)),
			);
		}
	});
}

const [mode, ...rest] = process.argv.slice(2);
if (mode === "listen") {
	await Promise.all((JSON.parse(rest[0] ?? "[]") as End[]).map(listen));
	console.log("ready");
} else if (mode === "try") {
	const uid = Number(rest[0]);
	process.setgroups?.([]);
	process.setgid?.(uid);
	process.setuid?.(uid);
	const ends = JSON.parse(rest[1] ?? "[]") as End[];
	console.log(JSON.stringify(await Promise.all(ends.map(attempt))));
	process.exit(0);
}
