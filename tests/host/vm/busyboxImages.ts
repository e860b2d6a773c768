import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabImage } from "../../../lab/images/index.ts";
import type { Layout } from "../../../lab/oci.ts";
import { treeImage } from "../../../lab/treeImage.ts";
import { busyboxBase } from "../busyboxBase.ts";

const recipe = readFileSync(import.meta.filename);

/** Answers where the platform's probes ask; not the agent. */
const scripts = {
	"usr/bin/openclaw": `#!/bin/sh
case $1 in
# The first process of a container gets only the signals that it asks for.
gateway) trap 'exit 0' TERM; httpd -f -h /srv -p 18789 & wait ;;
esac
`,
	// In the place of the programs that come with the delivery. Nobody asks what stands before the engine here.
	"usr/bin/node": `#!/bin/sh
case $1 in
*/health.ts) echo '{"channels":{"discord":{"connected":true}}}' ;;
*) trap 'exit 0' TERM; busybox sleep 9999999 & wait ;;
esac
`,
	"srv/healthz": "ok\n",
	"srv/readyz": "ok\n",
};

/** Images of two megabytes in the place of the agent's: on a translated processor everything else takes minutes. */
export async function busyboxImages(): Promise<LabImage[]> {
	const layout = await busyboxImage();
	return [
		{ setting: "gatewayImage", repository: "ghcr.io/test/gateway", ...layout },
		{ setting: "sandboxImage", repository: "ghcr.io/test/sandbox", ...layout },
	];
}

async function busyboxImage(): Promise<Layout> {
	const base = await busyboxBase(["httpd"]);
	return treeImage(
		"busybox",
		[recipe, ...base.ingredients],
		{ Entrypoint: ["/usr/bin/openclaw"], Env: ["PATH=/usr/bin"] },
		(tree) => {
			base.fill(tree);
			mkdirSync(join(tree, "srv"));
			for (const [path, text] of Object.entries(scripts))
				writeFileSync(join(tree, path), text, { mode: 0o755 });
		},
	);
}
