import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { HostArtefacts } from "../../../lab/host/artefacts.ts";

const run = promisify(execFile);

/** A registry in a network namespace that takes images signed as sigstore does it. */
export class TestRegistry {
	readonly address: string;
	readonly publicKey: string;
	readonly #process: ChildProcess;
	readonly #skopeo: readonly string[];
	readonly #dir: string;

	private constructor(
		address: string,
		dir: string,
		skopeo: readonly string[],
		registry: ChildProcess,
	) {
		this.address = address;
		this.#dir = dir;
		this.#skopeo = skopeo;
		this.#process = registry;
		this.publicKey = readFileSync(join(dir, "key.pub"), "utf8");
	}

	/** @param address where it listens; must be an address of the namespace */
	static async start(
		artefacts: HostArtefacts,
		namespace: string,
		address: string,
		dir: string,
	): Promise<TestRegistry> {
		mkdirSync(dir, { recursive: true });
		const inside = ["netns", "exec", namespace];
		const config = join(dir, "registry.yml");
		const storage = `storage: {filesystem: {rootdirectory: ${join(dir, "data")}}}`;
		writeFileSync(
			config,
			`version: 0.1\n${storage}\nhttp: {addr: "${address}"}\n`,
		);
		const registry = spawn(
			"ip",
			[
				...inside,
				...program(artefacts.tools, "usr/bin/docker-registry"),
				"serve",
				config,
			],
			{ stdio: ["ignore", "ignore", "pipe"] },
		);
		await new Promise<void>((resolve, reject) => {
			let log = "";
			registry.stderr.on("data", (data) => {
				log += data;
				if (log.includes("listening on")) resolve();
			});
			registry.once("exit", () =>
				reject(new Error(`the registry ended: ${log}`)),
			);
		});
		const skopeo = [
			...inside,
			...program(artefacts.rootTree, "usr/bin/skopeo"),
		];
		writeFileSync(join(dir, "passphrase"), "lab\n");
		await run("ip", [
			...[
				...skopeo,
				"generate-sigstore-key",
				"--output-prefix",
				join(dir, "key"),
			],
			...["--passphrase-file", join(dir, "passphrase")],
		]);
		const attachments = join(dir, "registries.d");
		mkdirSync(attachments, { recursive: true });
		writeFileSync(
			join(attachments, "all.yaml"),
			"default-docker: {use-sigstore-attachments: true}\n",
		);
		return new TestRegistry(address, dir, skopeo, registry);
	}

	/** Pushes an operating system image with this os-release; returns its reference by digest. */
	async push(
		repository: string,
		version: string,
		osRelease: string,
		signed: "signed" | "unsigned",
	): Promise<string> {
		const image = join(this.#dir, "image");
		rmSync(image, { recursive: true, force: true });
		mkdirSync(join(image, "tree/usr/lib"), { recursive: true });
		writeFileSync(join(image, "tree/usr/lib/os-release"), osRelease);
		const tar = [
			"--create",
			"--owner=0",
			"--group=0",
			"--directory",
			join(image, "tree"),
			"usr",
		];
		const layer = (await run("tar", tar, { encoding: "buffer" })).stdout;
		const blob = (mediaType: string, content: Buffer) => {
			const hash = createHash("sha256").update(content).digest("hex");
			writeFileSync(join(image, hash), content);
			return { mediaType, size: content.length, digest: `sha256:${hash}` };
		};
		const layerBlob = blob("application/vnd.oci.image.layer.v1.tar", layer);
		const config = {
			architecture: "amd64",
			os: "linux",
			config: { Labels: { "org.opencontainers.image.version": version } },
			rootfs: { type: "layers", diff_ids: [layerBlob.digest] },
		};
		const manifest = JSON.stringify({
			schemaVersion: 2,
			mediaType: "application/vnd.oci.image.manifest.v1+json",
			config: blob(
				"application/vnd.oci.image.config.v1+json",
				Buffer.from(JSON.stringify(config)),
			),
			layers: [layerBlob],
		});
		writeFileSync(join(image, "manifest.json"), manifest);
		writeFileSync(join(image, "version"), "Directory Transport Version: 1.1\n");
		const digest = createHash("sha256").update(manifest).digest("hex");
		const key = [
			"--sign-by-sigstore-private-key",
			join(this.#dir, "key.private"),
			"--sign-passphrase-file",
			join(this.#dir, "passphrase"),
		];
		await run("ip", [
			...this.#skopeo,
			...[
				"--insecure-policy",
				"--registries.d",
				join(this.#dir, "registries.d"),
			],
			...["copy", "--dest-tls-verify=false", "--preserve-digests"],
			...(signed === "signed" ? key : []),
			...[`dir:${image}`, `docker://${this.address}/${repository}:${version}`],
		]);
		return `${this.address}/${repository}@sha256:${digest}`;
	}

	async stop(): Promise<void> {
		if (this.#process.exitCode !== null) return;
		const ended = new Promise((resolve) => this.#process.once("exit", resolve));
		this.#process.kill();
		await ended;
	}
}

/** Runs a program of a tree without entering it: the tree brings loader and libraries. */
function program(tree: string, path: string): string[] {
	const libraries = join(tree, "usr/lib/x86_64-linux-gnu");
	return [
		join(tree, "usr/lib64/ld-linux-x86-64.so.2"),
		"--library-path",
		libraries,
		join(tree, path),
	];
}
