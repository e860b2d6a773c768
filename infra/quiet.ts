import log from "@pulumi/pulumi/log/index.js";

/**
 * Silences the debug messages of the SDK: it writes every answer of the engine there, secret outputs in clear, and the event log keeps
 * them even where nobody asked for debugging.
 */
export function silenceSdk(): void {
	Object.assign(log, { debug: async () => {} });
}

/**
 * Gives traces of the stack back to Node. The SDK keeps one of every promise and looks for source maps in each, a tenth of a second
 * in all; Node runs these sources as they are, so there are none.
 */
export function plainStacks(): void {
	Reflect.deleteProperty(Error, "prepareStackTrace");
}
