import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey, step } from "../../tools/cache.mjs";
import type { Layout } from "../oci.ts";
import type { Base } from "./bases.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "build.sh");

/** A Containerfile of images/ could not be built. */
export class ImageBuildError extends Error {
	readonly code = "image-build";
}

/** A build of one Containerfile of images/. */
export interface Build {
	/** Name of its folder below images/. */
	readonly name: string;
	/** Build argument that names the base image, and its stand-in. */
	readonly base: { readonly argument: string; readonly image: Base };
	/** Further build arguments; a file of `inputs` is `/inputs/<name>` there. */
	readonly args: Readonly<Record<string, string>>;
	/** More of them, which say only where to get the same content: asked where something has to be built. */
	readonly sources?: () => Promise<Readonly<Record<string, string>>>;
	/** Folder of files that the build is given in place of downloads. */
	readonly inputs: string;
	/** What the inputs are, for the key of the cache. */
	readonly inputsKey: string;
}

/**
 * Builds an image, or takes it from the cache: same Containerfile, base and arguments, same image.
 *
 * @param tree with podman (see HostArtefacts.rootTree)
 * @throws ImageBuildError with the last lines of the build
 */
export async function build(tree: string, what: Build): Promise<Layout> {
	const context = join(import.meta.dirname, "../../images", what.name);
	const { argument, image } = what.base;
	const key = contentKey(
		readFileSync(script),
		...readdirSync(context)
			.sort()
			.map((file) => readFileSync(join(context, file))),
		image.tar,
		...image.config,
		JSON.stringify(what.args),
		what.inputsKey,
	);
	const folder = await cached(
		join(cacheFolder(), "lab", `image-${what.name}-${key}`),
		(temporary) =>
			step(`building the image of the ${what.name}`, async () => {
				const work = join(temporary, "work");
				mkdirSync(work);
				const sources = await what.sources?.();
				const args = { ...what.args, ...sources, [argument]: image.name };
				const argv = [
					...image.config.map((line) => `--change=${line}`),
					"--",
					...Object.entries(args).map(
						([name, value]) => `--build-arg=${name}=${value}`,
					),
				];
				await run(
					"unshare",
					["--mount", "--propagation", "private", script, ...argv],
					{
						env: {
							PATH: process.env.PATH,
							TREE: tree,
							WORK: work,
							CONTEXT: context,
							INPUTS: what.inputs,
							BASE_TAR: image.tar,
							BASE_NAME: image.name,
						},
						maxBuffer: 64 * 1024 * 1024,
					},
				).catch((cause: { stdout?: string; stderr?: string }) => {
					const log = `${cause.stdout ?? ""}\n${cause.stderr ?? ""}`;
					throw new ImageBuildError(
						`Building the image of the ${what.name} failed: ${log.trimEnd().split("\n").slice(-15).join("\n")}`,
						{ cause },
					);
				});
				await run("mv", [join(work, "layout"), join(temporary, "layout")]);
				rmSync(work, { recursive: true });
			}),
	);
	return readLayout(join(folder, "layout"));
}

function readLayout(folder: string): Layout {
	const index: { manifests: { digest: string }[] } = JSON.parse(
		readFileSync(join(folder, "index.json"), "utf8"),
	);
	return { folder, digest: index.manifests[0]?.digest ?? "" };
}
