/** What the provider tells the operator while it works: lines of the Pulumi console beside the resource's name. */
import * as log from "@pulumi/pulumi/log/index.js";
import { DependencyResource } from "@pulumi/pulumi/resource.js";
import { resetOptions } from "@pulumi/pulumi/runtime/settings.js";

/** Says things about one resource. */
export interface Report {
	/** Stays on the console. */
	info(message: string): void;
	warn(message: string): void;
	/** Shown until the next one comes. */
	status(message: string): void;
}

/** Makes the report of a resource from its URN. */
export type Reporter = (urn: string) => Report;

/** Speaks to the engine that started this plugin; `address` is what it gave on the command line. */
export function engineReporter(address: string): Reporter {
	// The SDK's log goes where these options point; outside a program nobody else sets them.
	resetOptions("", "", -1, address, "", false, "");
	return (urn) => {
		const resource = new DependencyResource(urn);
		return {
			info: (message) => void log.info(message, resource),
			warn: (message) => void log.warn(message, resource),
			status: (message) => void log.info(message, resource, 0, true),
		};
	};
}
