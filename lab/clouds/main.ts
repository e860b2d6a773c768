/**
 * Starts all stand-in clouds as one process:
 *   node lab/clouds/main.ts --state DIR [--listen HOST:PORT]… [--plain HOST:PORT]… [--proxy HOST:PORT]
 *        [--route NAME:PORT=HOST:PORT]… [--config FILE] [--hypervisor MODULE] [--seed TEXT]
 * MODULE exports by default a HypervisorFactory (below): the machine room in which Vultr instances run.
 * Prints one line of JSON when ready. SIGTERM and SIGINT end it.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { catalog } from "./catalog.ts";
import type { Cloud, World } from "./cloud.ts";
import { startClouds } from "./server.ts";
import type { Hypervisor } from "./vultr/index.ts";
import { createWorld } from "./world.ts";

const { values } = parseArgs({
	options: {
		state: { type: "string" },
		listen: { type: "string", multiple: true },
		plain: { type: "string", multiple: true },
		proxy: { type: "string" },
		route: { type: "string", multiple: true },
		config: { type: "string" },
		hypervisor: { type: "string" },
		seed: { type: "string" },
	},
});
if (values.state === undefined) {
	process.stderr.write(
		"Name a directory for the state: node lab/clouds/main.ts --state DIR\n",
	);
	process.exit(2);
}

const configuration = z
	.record(z.string(), z.unknown())
	.parse(
		values.config === undefined
			? {}
			: JSON.parse(readFileSync(values.config, "utf8")),
	);
const unknown = Object.keys(configuration).find(
	(key) => !catalog.some((entry) => entry.name === key),
);
if (unknown !== undefined) {
	process.stderr.write(
		`${values.config} configures "${unknown}"; there are ${catalog.map((entry) => entry.name).join(", ")}.\n`,
	);
	process.exit(2);
}

const world = createWorld(values.state, { seed: values.seed });
const clouds: Cloud[] = [];
const hypervisor = values.hypervisor
	? await loadHypervisor(values.hypervisor)
	: undefined;

for (const entry of catalog)
	clouds.push(
		await entry.create(world, configuration[entry.name], { hypervisor }),
	);
const running = await startClouds({
	world,
	clouds,
	...(values.listen ? { listen: values.listen } : {}),
	...(values.plain ? { listenPlain: values.plain } : {}),
	proxyListen: values.proxy,
	proxyRoutes: Object.fromEntries(
		(values.route ?? []).map((route) => {
			const [name = "", address = ""] = route.split("=");
			return [name, address];
		}),
	),
});

let ending = false;
for (const signal of ["SIGTERM", "SIGINT"] as const)
	process.on(signal, () => {
		if (ending) return;
		ending = true;
		running.close().then(
			() => process.exit(0),
			(error: unknown) => {
				console.error(error);
				process.exit(1);
			},
		);
	});
process.stdout.write(
	`${JSON.stringify({
		ready: true,
		ca: running.ca.path,
		addresses: running.addresses,
		controlSocket: running.controlSocket,
		environment: running.environment,
	})}\n`,
);

/** Makes a hypervisor; `cloud` finds a stand-in by name, once all are made. */
export type HypervisorFactory = (parts: {
	world: World;
	cloud(name: string): Cloud | undefined;
}) => Hypervisor | Promise<Hypervisor>;

async function loadHypervisor(path: string): Promise<Hypervisor> {
	const module: { default: HypervisorFactory } = await import(
		pathToFileURL(resolve(path)).href
	);
	return module.default({
		world,
		cloud: (name) => clouds.find((one) => one.name === name),
	});
}
