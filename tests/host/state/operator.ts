import http from "node:http";
import { dirname } from "node:path";
import type { TestContext } from "node:test";
import tls from "node:tls";
import { B2 } from "../../../infra/provider/clients/b2.ts";
import { Http } from "../../../infra/provider/http.ts";
import { master, type TestKey } from "../../../lab/clouds/backblaze/testing.ts";
import type { TestLab } from "../../../lab/clouds/testing.ts";
import type { Operator } from "../../../operator/command.ts";
import { tool } from "../../../tools/setup.ts";

/** The program's own client of Backblaze, against the stand-in. */
export function labClient(t: TestContext, lab: TestLab, key: TestKey): B2 {
	tls.setDefaultCACertificates([lab.ca.pem]);
	t.after(http.setGlobalProxyFromEnv(lab.environment));
	return new B2(new Http(AbortSignal.timeout(200_000)), {
		B2_APPLICATION_KEY_ID: key.id,
		B2_APPLICATION_KEY: key.secret,
	});
}

/** Who runs the tools of operator/: Backblaze with every right, the repository with a host's key. */
export async function operatorOf(
	t: TestContext,
	lab: TestLab,
	key: TestKey,
): Promise<Operator> {
	return {
		b2: labClient(t, lab, master),
		env: {
			...process.env,
			...lab.environment,
			PATH: `${dirname(await tool("restic"))}:${process.env.PATH}`,
			B2_APPLICATION_KEY_ID: key.id,
			B2_APPLICATION_KEY: key.secret,
			RESTIC_PASSWORD: "correct horse",
		},
		signal: AbortSignal.timeout(200_000),
		say: () => {},
	};
}
