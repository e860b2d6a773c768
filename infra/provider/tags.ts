/** How a VM says whose it is: tags, because the API can look for them. */

export function bucketTag(bucketName: string): string {
	return `bucket:${bucketName}`;
}

export function generationTag(generation: number): string {
	return `generation:${generation}`;
}

/** All tags of a VM. */
export function tagsOf(bucketName: string, generation: number): string[] {
	return ["moltbot", bucketTag(bucketName), generationTag(generation)];
}

/** The generation that a VM's tags name. */
export function generationOf(tags: readonly string[]): number | undefined {
	const tag = tags.find((text) => /^generation:\d+$/.test(text));
	return tag === undefined ? undefined : Number(tag.split(":")[1]);
}
