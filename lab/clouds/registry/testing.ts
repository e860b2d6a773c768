import { writeImage } from "../../oci.ts";

/** Makes an image without content in this folder (OCI layout); gives its digest, which depends on the comment. */
export async function emptyImage(
	folder: string,
	comment: string,
): Promise<string> {
	const { digest } = await writeImage(folder, [], { Labels: { comment } });
	return digest;
}
