import type { TestContext } from "node:test";
import { SetupError, type ToolName, tool } from "./setup.ts";

/** Path of a tool; undefined, and the test skipped with the reason, only where this machine cannot have it. */
export async function bring(
	t: TestContext,
	name: ToolName,
): Promise<string | undefined> {
	try {
		return await tool(name);
	} catch (error) {
		if (!(error instanceof SetupError) || !error.cannotBe) throw error;
		t.skip(error.message);
		return undefined;
	}
}
