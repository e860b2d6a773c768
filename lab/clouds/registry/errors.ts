import { CodedRefusal } from "../refusal.ts";

/** A refusal in the form of the OCI distribution specification. */
export class RegistryError extends CodedRefusal {}

export const unknownManifest = (reference: string) =>
	new RegistryError(404, "MANIFEST_UNKNOWN", `manifest unknown: ${reference}`);
export const unknownBlob = () =>
	new RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry");
export const unknownUpload = () =>
	new RegistryError(
		404,
		"BLOB_UPLOAD_UNKNOWN",
		"blob upload unknown to registry",
	);
export const badDigest = () =>
	new RegistryError(
		400,
		"DIGEST_INVALID",
		"provided digest did not match uploaded content",
	);
