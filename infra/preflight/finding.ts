import { ProviderError } from "../provider/errors.ts";

/** What a check found: a fault stops `up`, a warning is said and passed over. */
export interface Finding {
	readonly severity: "fault" | "warning";
	readonly text: string;
}

export const fault = (text: string): Finding => ({ severity: "fault", text });
export const warning = (text: string): Finding => ({
	severity: "warning",
	text,
});

/** A cloud that cannot be asked is a finding, not a crash; the client's own sentence says what to do. */
export async function guarded(
	check: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
	try {
		return await check();
	} catch (error) {
		if (error instanceof ProviderError) return [fault(error.message)];
		throw error;
	}
}
