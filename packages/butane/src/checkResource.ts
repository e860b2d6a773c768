import { messages } from "./errors.ts";
import type { Fields } from "./merge.ts";
import type { Path, Report } from "./report.ts";
import { isDataUrl, parseUrl } from "./url.ts";
import { each, fields, text } from "./walk.ts";

const digestLength: Record<string, number> = { sha256: 64, sha512: 128 };

/** Checks a resource; false if its source is not one that Ignition of version 3.`minor` can fetch. */
export function checkResource(
	report: Report,
	resource: Fields,
	path: Path,
	minor: number,
	hashNeedsSource = true,
): boolean {
	const source = text(resource.source);
	if (resource.compression && resource.compression !== "gzip")
		report.error([...path, "compression"], messages.compression);
	const wrong = source === "" ? undefined : sourceProblem(source, minor);
	if (wrong) report.error([...path, "source"], wrong);
	const scheme = parseUrl(source)?.scheme;
	if (Array.isArray(resource.httpHeaders) && !isWeb(scheme))
		report.error([...path, "httpHeaders"], messages.headers);
	each(resource.httpHeaders, [...path, "httpHeaders"], (header, at) => {
		if (!header.name) report.error([...at, "name"], messages.headerName);
		if (header.value === "")
			report.error([...at, "value"], messages.headerValue);
	});
	checkHash(report, resource, path, minor, hashNeedsSource);
	return wrong === undefined;
}

function checkHash(
	report: Report,
	resource: Fields,
	path: Path,
	minor: number,
	needsSource: boolean,
): void {
	const hash = fields(resource.verification).hash;
	if (typeof hash !== "string") return;
	const at = [...path, "verification", "hash"];
	const [kind = "", sum] = hash.split(/-(.*)/s);
	if (needsSource && resource.source === undefined)
		report.error(at, messages.hashNoSource);
	if (sum === undefined) report.error(at, messages.hash);
	else if (
		!Object.hasOwn(digestLength, kind) ||
		(kind === "sha256" && minor === 0)
	)
		report.error(at, messages.hashKind);
	else if (Buffer.byteLength(sum) !== digestLength[kind])
		report.error(at, messages.hashSize);
}

export const isWeb = (scheme: string | undefined): boolean =>
	scheme === "http" || scheme === "https";

/** What is wrong with a URL that Ignition of version 3.`minor` is to fetch, if anything. */
export function sourceProblem(
	source: string,
	minor: number,
): string | undefined {
	const url = parseUrl(source);
	if (!url) return messages.url;
	const { scheme, query } = url;
	if (scheme === "data")
		return isDataUrl(source) ? undefined : messages.dataUrl;
	if (isWeb(scheme) || scheme === "tftp") return undefined;
	if (scheme === "gs" && minor >= 2) return undefined;
	if (scheme !== "s3" && (scheme !== "arn" || minor < 4))
		return messages.scheme;
	if (scheme === "arn" && !isS3Arn(source)) return messages.s3Arn;
	return new URLSearchParams(query).get("versionId") === ""
		? messages.s3Version
		: undefined;
}

function isS3Arn(source: string): boolean {
	const [, , service, , , ...resource] = source
		.split("?", 1)
		.join("")
		.split(":");
	const name = resource.join(":");
	const parts = name.split("/").length;
	return service === "s3" && parts >= (name.startsWith("accesspoint/") ? 3 : 2);
}
