/** Images made of folders: same files, same digest. Kept in the cache. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached, cacheFolder, contentKey } from "../tools/cache.mjs";
import { type ImageConfig, type Layout, writeImage } from "./oci.ts";

const run = promisify(execFile);
const recipe = readFileSync(import.meta.filename);

/** Puts the files of an image into an empty folder. */
export type Fill = (tree: string) => void | Promise<void>;

/** All that the content depends on: the source of who fills the folder, and what that reads. */
export type Ingredients = readonly (string | Buffer)[];

/**
 * An image of one layer.
 *
 * @param name for people who look into the cache
 */
export function treeImage(
	name: string,
	ingredients: Ingredients,
	config: ImageConfig,
	fill: Fill,
): Promise<Layout> {
	return image(name, ingredients, config, async (temporary) => [
		await pack(temporary, fill),
	]);
}

/** An image of layers made before. */
export function layeredImage(
	name: string,
	layers: readonly string[],
	config: ImageConfig,
): Promise<Layout> {
	return image(name, layers, config, async () => layers);
}

/** A layer for several images; gives the path of its tar. */
export async function treeLayer(
	name: string,
	ingredients: Ingredients,
	fill: Fill,
): Promise<string> {
	const folder = await cached(
		pathOf(`layer-${name}`, ingredients),
		async (temporary) => void (await pack(temporary, fill)),
	);
	return join(folder, tarName);
}

const tarName = "layer.tar";

function pathOf(name: string, ingredients: Ingredients): string {
	return join(
		cacheFolder(),
		"lab",
		`${name}-${contentKey(recipe, ...ingredients)}`,
	);
}

async function image(
	name: string,
	ingredients: Ingredients,
	config: ImageConfig,
	layers: (temporary: string) => Promise<readonly string[]>,
): Promise<Layout> {
	const folder = await cached(
		pathOf(`image-${name}`, [...ingredients, JSON.stringify(config)]),
		async (temporary) => {
			const { digest } = await writeImage(
				join(temporary, "layout"),
				await layers(temporary),
				config,
			);
			writeFileSync(join(temporary, "digest"), digest);
			rmSync(join(temporary, tarName), { force: true });
		},
	);
	return {
		folder: join(folder, "layout"),
		digest: readFileSync(join(folder, "digest"), "utf8"),
	};
}

/** Nothing in the tar tells when or by whom it was made. */
async function pack(temporary: string, fill: Fill): Promise<string> {
	const tree = join(temporary, "tree");
	mkdirSync(tree);
	await fill(tree);
	const tar = join(temporary, tarName);
	await run("tar", [
		...["--create", `--file=${tar}`, `--directory=${tree}`],
		...["--sort=name", "--mtime=@0", "--owner=0", "--group=0"],
		...["--numeric-owner", "."],
	]);
	rmSync(tree, { recursive: true });
	return tar;
}
