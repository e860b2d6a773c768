import log from "@pulumi/pulumi/log/index.js";

/**
 * Silences the debug messages of the SDK: it writes every answer of the engine there, secret outputs in clear, and the event log keeps
 * them even where nobody asked for debugging.
 */
export function silenceSdk(): void {
	Object.assign(log, { debug: async () => {} });
}
