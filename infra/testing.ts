// The values of a host document, and how to look into one, for tests.
import { gunzipSync } from "node:zlib";
import { moltbot } from "./platforms/moltbot.ts";
import { platformValues } from "./platforms/platform.ts";

/** Every placeholder filled, the two secrets with canaries. */
export const sampleValues = {
	hostname: "moltbot",
	generation: "7",
	tag: "tag:moltbot",
	osImage: `ghcr.io/ublue-os/ucore-minimal@sha256:${"a".repeat(64)}`,
	osScope: "ghcr.io/ublue-os/ucore-minimal",
	osSigningKey: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	trustedCertificates: "",
	resolvers: "9.9.9.9 149.112.112.112",
	egress: "",
	bucketName: "moltbot-backup-1",
	bucketPrefix: "moltbot",
	s3Endpoint: "https://s3.us-west-004.backblazeb2.com",
	s3Region: "us-west-004",
	backupMinutes: "15",
	joinKey: "tskey-auth-CANARY",
	beaconUrl:
		"https://s3.us-west-004.backblazeb2.com/b/o?X-Amz-Signature=CANARY",
	...platformValues(moltbot),
};

/** The document inside a packed one (see userData.ts), any other as it is. */
export function unpacked(json: string): string {
	const source: unknown = JSON.parse(json).ignition.config?.replace?.source;
	if (typeof source !== "string") return json;
	const [, body = ""] = source.split(";base64,");
	return gunzipSync(Buffer.from(body, "base64")).toString();
}
