// What the operator does at the clouds without Pulumi, in a browser or with their own tools.
import { z } from "zod";
import type { Cloud } from "../../../lab/clouds/cloud.ts";
import { credentials, vaultKeeper } from "./account.ts";

/** Gives an item of the operator's vault another secret. */
export async function changeSecret(
	vaults: Cloud,
	title: string,
	value: string,
): Promise<void> {
	const list = z.array(z.object({ id: z.string() })).min(1);
	const ask = async (path: string, method = "GET", body?: unknown) => {
		const response = await vaults.app.fetch(
			new Request(`${credentials.OP_CONNECT_HOST}/v1/vaults${path}`, {
				method,
				headers: {
					authorization: `Bearer ${vaultKeeper}`,
					"content-type": "application/json",
				},
				...(body ? { body: JSON.stringify(body) } : {}),
			}),
		);
		if (!response.ok) throw new Error(`${path}: ${response.status}`);
		return response.json();
	};
	const filter = encodeURIComponent(`title eq "${title}"`);
	const [vault] = list.parse(await ask(""));
	const items = list.parse(await ask(`/${vault?.id}/items?filter=${filter}`));
	await ask(`/${vault?.id}/items/${items[0]?.id}`, "PATCH", [
		{ op: "replace", path: "/fields/credential/value", value },
	]);
}

/** Makes a B2 key that may do all that the first may, as somebody does who retires the first. */
export async function newB2Key(b2: Cloud): Promise<NodeJS.ProcessEnv> {
	const { accountId, capabilities, ask } = await logIn(b2);
	const made = z
		.object({ applicationKeyId: z.string(), applicationKey: z.string() })
		.parse(
			await ask("b2_create_key", {
				accountId,
				keyName: "operator-2",
				capabilities,
			}),
		);
	return {
		B2_APPLICATION_KEY_ID: made.applicationKeyId,
		B2_APPLICATION_KEY: made.applicationKey,
	};
}

/** Makes an ordinary bucket. */
export async function makeBucket(b2: Cloud, bucketName: string): Promise<void> {
	const { accountId, ask } = await logIn(b2);
	await ask("b2_create_bucket", {
		accountId,
		bucketName,
		bucketType: "allPrivate",
	});
}

async function logIn(b2: Cloud) {
	const send = async (path: string, authorization: string, body?: unknown) => {
		const response = await b2.app.fetch(
			new Request(`https://api.backblazeb2.com/b2api/v3/${path}`, {
				method: body ? "POST" : "GET",
				headers: { authorization },
				...(body ? { body: JSON.stringify(body) } : {}),
			}),
		);
		if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
		return response.json();
	};
	const { B2_APPLICATION_KEY_ID: accountId, B2_APPLICATION_KEY: key } =
		credentials;
	const { authorizationToken, apiInfo } = z
		.object({
			authorizationToken: z.string(),
			apiInfo: z.object({
				storageApi: z.object({ capabilities: z.array(z.string()) }),
			}),
		})
		.parse(
			await send(
				"b2_authorize_account",
				`Basic ${btoa(`${accountId}:${key}`)}`,
			),
		);
	return {
		accountId,
		capabilities: apiInfo.storageApi.capabilities,
		ask: (path: string, body: unknown) => send(path, authorizationToken, body),
	};
}
