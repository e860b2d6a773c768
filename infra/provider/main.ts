/**
 * Entry point of the plugin. The engine starts it with its own address as argument and reads the port of this server
 * from the first line of standard output, so nothing else may be printed there.
 */
import { flushCompileCache } from "node:module";
import { main } from "@pulumi/pulumi/provider/index.js";
import { B2 } from "./clients/b2.ts";
import { Tailscale } from "./clients/tailscale.ts";
import { Vultr } from "./clients/vultr.ts";
import { Http } from "./http.ts";
import { createProvider } from "./provider.ts";
import { engineReporter } from "./report.ts";
import type { Resource } from "./resource.ts";
import type { Shape, TypeName } from "./shapes.ts";

const loaders: Record<TypeName, () => Promise<Resource<Shape>>> = {
	Bucket: async () => (await import("./resources/bucket.ts")).bucket,
	Firewall: async () => (await import("./resources/firewall.ts")).firewall,
	Generation: async () =>
		(await import("./resources/generation.ts")).generation,
	BucketKey: async () => (await import("./resources/bucketKey.ts")).bucketKey,
	Beacon: async () => (await import("./resources/beacon.ts")).beacon,
	JoinKey: async () => (await import("./resources/joinKey.ts")).joinKey,
	TailnetPolicy: async () =>
		(await import("./resources/tailnetPolicy.ts")).tailnetPolicy,
	TailnetName: async () =>
		(await import("./resources/tailnetName.ts")).tailnetName,
	Instance: async () => (await import("./resources/instance.ts")).instance,
	Boot: async () => (await import("./resources/boot.ts")).boot,
	LastBackup: async () =>
		(await import("./resources/lastBackup.ts")).lastBackup,
	Delivery: async () => (await import("./resources/delivery.ts")).delivery,
	Readiness: async () => (await import("./resources/readiness.ts")).readiness,
};

// The Pulumi server prints every error with its stack besides returning it; the engine shows the returned one.
console.error = () => {};

/** Loads what only some operations need. */
async function lazily<T>(load: () => Promise<T>): Promise<T> {
	const loaded = await load();
	// The engine kills its plugins, so Node would never come to write what it compiled.
	flushCompileCache();
	return loaded;
}

const args = process.argv.slice(2);
const reporter = engineReporter(
	args.filter((arg) => !arg.startsWith("-")).at(-1) ?? "",
);
const controller = new AbortController();
const { signal } = controller;
const { env } = process;
const http = new Http(signal);
const vultr = new Vultr(http, env);
const b2 = new B2(http, env);
const tailscale = new Tailscale(http, env);

await main(
	createProvider({
		env,
		behaviours: (type) => lazily(loaders[type]),
		context: async (urn) => ({
			env,
			signal,
			report: reporter(urn),
			http,
			vultr,
			b2,
			tailscale,
			ssh: async (...call) =>
				(await lazily(() => import("./ssh.ts"))).connect(...call),
			patience: undefined,
			rhythm: { first: 500, longest: 2000 },
		}),
		interrupt: () => controller.abort(),
	}),
	args,
);
