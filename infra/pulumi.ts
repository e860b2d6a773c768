/**
 * What this program uses of the Pulumi SDK, by sub-path: the SDK's index also loads the Automation API, npm's installer and TypeScript,
 * which is half a second of every run.
 */
export * as log from "@pulumi/pulumi/log/index.js";
export {
	all,
	type Input,
	interpolate,
	type Output,
	secret,
} from "@pulumi/pulumi/output.js";
export {
	ComponentResource,
	CustomResource,
	type CustomResourceOptions,
	mergeOptions,
	ProviderResource,
} from "@pulumi/pulumi/resource.js";
export { allConfig } from "@pulumi/pulumi/runtime/config.js";
