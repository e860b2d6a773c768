import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { z } from "zod";
import { itemSchema, type Source, vaultSchema } from "./items.ts";

const run = promisify(execFile);

/** A service account, through the `op` program. The token travels in the environment, never as an argument. */
export function serviceAccountSource(token: string, program = "op"): Source {
	const op = async (...args: string[]): Promise<string> => {
		try {
			const { stdout } = await run(program, args, {
				env: {
					...process.env,
					OP_FORMAT: "json",
					OP_SERVICE_ACCOUNT_TOKEN: token,
					OP_INTEGRATION_NAME: "terraform-provider",
					OP_INTEGRATION_ID: "TFP",
				},
			});
			return stdout;
		} catch (error) {
			const { code, stderr } = error as { code?: unknown; stderr?: string };
			if (code === "ENOENT")
				throw new Error(
					`failed to get version of op CLI: failed to execute command: exec: "${program}": executable file not found in $PATH`,
				);
			throw new Error(`op error: ${(stderr ?? "").trim()}`, { cause: error });
		}
	};
	const ask = async <S extends z.ZodType>(
		schema: S,
		...args: string[]
	): Promise<z.output<S>> => {
		await op("--version");
		return schema.parse(JSON.parse(await op(...args)));
	};
	const item = (vault: string, titleOrId: string) =>
		ask(itemSchema, "item", "get", titleOrId, `--vault=${vault}`);
	return {
		vault: (id) => ask(vaultSchema, "vault", "get", id),
		async vaultByName(name) {
			const vaults = await ask(z.array(vaultSchema), "vault", "list");
			const found = vaults.filter((vault) => vault.name === name);
			const [only] = found;
			if (found.length !== 1 || !only)
				throw new Error(`Found ${found.length} vaults with name "${name}"`);
			return only;
		},
		item,
		itemByTitle: item,
	};
}
