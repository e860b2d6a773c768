// Writes policy/tailnet.hujson, for tailnets whose policy is kept by hand.
import { writeFileSync } from "node:fs";
import { policyText } from "./tailnetPolicy.ts";

const operators = "autogroup:admin";
writeFileSync(
	new URL("../policy/tailnet.hujson", import.meta.url),
	`// The tailnet of an agent and its operators. Generated from infra/tailnetPolicy.ts by \`node infra/tailnetPolicy.page.ts\`.
// Paste it at https://login.tailscale.com/admin/acls/file, or let \`pulumi up\` apply it: see the setting tailnetPolicy.
${policyText({ tag: "tag:moltbot", operators })}`,
);
