import http from "node:http";
import type { TestContext } from "node:test";
import tls from "node:tls";
import { B2 } from "../../../infra/provider/clients/b2.ts";
import { Http } from "../../../infra/provider/http.ts";
import type { TestKey } from "../../../lab/clouds/backblaze/testing.ts";
import type { TestLab } from "../../../lab/clouds/testing.ts";

/** The program's own client of Backblaze, against the stand-in. */
export function labClient(t: TestContext, lab: TestLab, key: TestKey): B2 {
	tls.setDefaultCACertificates([lab.ca.pem]);
	t.after(http.setGlobalProxyFromEnv(lab.environment));
	return new B2(new Http(AbortSignal.timeout(200_000)), {
		B2_APPLICATION_KEY_ID: key.id,
		B2_APPLICATION_KEY: key.secret,
	});
}
