import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { suite, test } from "node:test";
import ssh2 from "ssh2";
import { providerOf } from "../plugin.ts";
import { commandPlugin } from "./command.ts";

const urn = "urn:pulumi:s::p::command:remote:Command::n";
const provider = providerOf(commandPlugin());

/** A host that lets everybody in, repeats its standard input and ends with `status`. */
async function host(status = 0) {
	const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const hostKey = privateKey.export({ type: "pkcs1", format: "pem" });
	const commands: string[] = [];
	const server = new ssh2.Server(
		{ hostKeys: [hostKey.toString()] },
		(client) => {
			client.on("authentication", (context) => context.accept());
			client.on("error", () => {});
			client.on("session", (accept) => {
				accept().on("exec", (acceptExec, _reject, { command }) => {
					commands.push(command);
					const channel = acceptExec();
					channel.on("data", (data: Buffer) => channel.write(data));
					channel.on("end", () => {
						channel.stderr.write("noise\n");
						channel.exit(status);
						channel.end();
					});
				});
			});
		},
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	return {
		commands,
		connection: { host: "127.0.0.1", port, user: "core", dialErrorLimit: 1 },
		[Symbol.dispose]: () => server.close(),
	};
}

suite("remote.Command", () => {
	test("runs the script without credentials and returns what it printed", async () => {
		using there = await host();
		const { id, outs } = await provider.create(urn, {
			connection: there.connection,
			create: "deliver",
			stdin: "hello\n",
			logging: "none",
		});
		assert.match(id, /^command[0-9a-f]{8}$/);
		assert.equal(outs.stdout, "hello");
		assert.equal(outs.stderr, "noise");
		assert.deepEqual(there.commands, ["deliver"]);
	});

	test("an update runs update, or create where there is none", async () => {
		using there = await host();
		const olds = {
			connection: there.connection,
			create: "c",
			stdin: "1",
			logging: "none",
		};
		await provider.update("i", urn, olds, { ...olds, stdin: "2" });
		await provider.update("i", urn, olds, { ...olds, update: "u" });
		assert.deepEqual(there.commands, ["c", "u"]);
	});

	test("a deletion runs delete, where there is one; a read asks nobody", async () => {
		using there = await host();
		const olds = {
			connection: there.connection,
			create: "c",
			logging: "none",
			stdout: "before",
		};
		await provider.delete("i", urn, olds);
		assert.deepEqual(await provider.read("i", urn, olds), {
			id: "i",
			props: olds,
		});
		assert.deepEqual(there.commands, []);
		await provider.delete("i", urn, { ...olds, delete: "d" });
		assert.deepEqual(there.commands, ["d"]);
	});

	test("a deletion that fails on the host fails", async () => {
		using there = await host(4);
		await assert.rejects(
			provider.delete("i", urn, {
				connection: there.connection,
				delete: "d",
				logging: "none",
			}),
			/^Error: Process exited with status 4: running "d":/,
		);
	});

	test("changed triggers replace, anything else updates", async () => {
		const olds = { create: "c", triggers: ["1"], stdout: "", stderr: "" };
		const diff = (news: object) => provider.diff("i", urn, olds, news);
		const same = await diff({ create: "c", triggers: ["1"] });
		assert.equal(same.changes, false);
		const triggers = await diff({ create: "c", triggers: ["2"] });
		assert.deepEqual(triggers.replaces, ["triggers"]);
		const script = await diff({ create: "d", triggers: ["1"] });
		assert.deepEqual([script.changes, script.replaces], [true, []]);
	});

	test("a failing script is named with its status and its output", async () => {
		using there = await host(3);
		await assert.rejects(
			provider.create(urn, {
				connection: there.connection,
				create: "boom",
				stdin: "out\n",
				logging: "none",
			}),
			{
				message: 'Process exited with status 3: running "boom":\nout\nnoise\n',
			},
		);
	});

	test("a host that does not answer is dialled as often as asked", async () => {
		const closed = createServer();
		closed.listen(0, "127.0.0.1");
		await once(closed, "listening");
		const { port } = closed.address() as AddressInfo;
		closed.close();
		await once(closed, "close");
		await assert.rejects(
			provider.create(urn, {
				connection: { host: "127.0.0.1", port, dialErrorLimit: 2 },
				create: "c",
			}),
			/after 2 failed attempts: .*ECONNREFUSED/,
		);
	});
});
