// `npm run sbom -- --stack prod`: what runs on the host as a CycloneDX 1.6 document, on standard output: the images by digest, and in the gateway
// the locked packages of the agent with their checksums. What a distribution put into an image is in the image's own list.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { main, optionsOf } from "./command.ts";
import { imagesOf, type Pinned, pinned } from "./pinned.ts";

const lockSchema = z.object({
	packages: z.record(
		z.string(),
		z.object({
			version: z.string().optional(),
			integrity: z.string().optional(),
			license: z.string().optional(),
		}),
	),
});

/** The document. Same input, same bytes: it has no time and no random number. */
export function billOfMaterials(
	images: Partial<Record<Pinned, string>>,
	lockFile: string,
): object {
	const { packages } = lockSchema.parse(JSON.parse(lockFile));
	return {
		bomFormat: "CycloneDX",
		specVersion: "1.6",
		version: 1,
		metadata: { component: { type: "device", name: "moltbot host" } },
		components: Object.entries(images).map(([key, image]) => ({
			...imageComponent(key as Pinned, image),
			...(key === "gatewayImage"
				? { components: Object.entries(packages).flatMap(packageComponent) }
				: {}),
		})),
	};
}

function imageComponent(key: Pinned, image: string) {
	const [repository = "", digest = ""] = image.split("@");
	const name = repository.split("/").at(-1) ?? repository;
	const purl = `pkg:oci/${name}@${encodeURIComponent(digest)}?repository_url=${encodeURIComponent(repository)}`;
	return {
		type: key === "osImage" ? "operating-system" : "container",
		"bom-ref": purl,
		name,
		version: digest,
		description: pinned[key].about,
		hashes: [{ alg: "SHA-256", content: digest.replace("sha256:", "") }],
		purl,
	};
}

function packageComponent([path, entry]: [
	string,
	z.output<typeof lockSchema>["packages"][string],
]) {
	const name = path.split("node_modules/").at(-1) ?? "";
	const { version, integrity, license } = entry;
	if (path === "" || !version) return [];
	const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
	const [algorithm = "", checksum = ""] = (integrity ?? "").split("-");
	return [
		{
			type: "library",
			"bom-ref": `${purl}#${path}`,
			name,
			version,
			...(license ? { licenses: [{ expression: license }] } : {}),
			...(algorithm === "sha512"
				? {
						hashes: [
							{
								alg: "SHA-512",
								content: Buffer.from(checksum, "base64").toString("hex"),
							},
						],
					}
				: {}),
			purl,
		},
	];
}

if (import.meta.main)
	await main(async () => {
		const { stack } = optionsOf("sbom", "--stack prod", ["stack"]);
		const lock = new URL(
			"../agent-config/validate/package-lock.json",
			import.meta.url,
		);
		console.log(
			JSON.stringify(
				billOfMaterials(
					imagesOf(`Pulumi.${stack}.yaml`),
					readFileSync(lock, "utf8"),
				),
				null,
				"\t",
			),
		);
	});
