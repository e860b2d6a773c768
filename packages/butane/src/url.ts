import { isIPv6 } from "node:net";

/** What is asked of a URL here. `scheme` is in lower case, and empty for a relative reference. */
export type Url = { scheme: string; query: string };

const badEscape = /%(?![0-9a-f]{2})/i;
/* A host may escape bytes beyond ASCII and the percent sign. */
const badHostEscape = /%(?!25|[89a-f][0-9a-f])/i;
const badHostCharacter = /[ /?#@^`{|}\\]/;

/**
 * Takes a URL apart by the rules of Ignition's parser (Go's net/url), which are neither those of WHATWG nor only
 * those of RFC 3986. Undefined for what that parser refuses.
 */
export function parseUrl(url: string): Url | undefined {
	const [beforeFragment = "", fragment = ""] = cut(url, "#");
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	if (/[\0-\x1f\x7f]/.test(beforeFragment) || badEscape.test(fragment))
		return undefined;
	if (beforeFragment.startsWith(":")) return undefined;
	const [, written = "", afterScheme = ""] =
		/^(?:([a-z][a-z0-9+.-]*):)?(.*)$/is.exec(beforeFragment) ?? [];
	const scheme = written.toLowerCase();
	const [rest = "", query = ""] = cut(afterScheme, "?");
	const found = { scheme, query };
	if (!rest.startsWith("/")) {
		if (scheme) return found;
		return /^[^/]*:/.test(rest) || badEscape.test(rest) ? undefined : found;
	}
	if (!rest.startsWith("//") || (!scheme && rest.startsWith("///")))
		return badEscape.test(rest) ? undefined : found;
	const [, authority = "", path = ""] = /^\/\/([^/]*)(.*)$/s.exec(rest) ?? [];
	return isAuthority(authority, scheme) && !badEscape.test(path)
		? found
		: undefined;
}

function isAuthority(authority: string, scheme: string): boolean {
	const at = authority.lastIndexOf("@");
	const user = authority.slice(0, Math.max(at, 0));
	if (/[^\w.:~!$&'()*+,;=%@-]/.test(user) || badEscape.test(user)) return false;
	const host = authority.slice(at + 1);
	if (host.includes("[")) return isLiteral(host);
	if (badHostEscape.test(host) || badHostCharacter.test(host)) return false;
	// Only the web has one port; other schemes may list hosts.
	const web = scheme === "http" || scheme === "https";
	const colon = web ? host.indexOf(":") : host.lastIndexOf(":");
	return colon < 0 || /^:[0-9]*$/.test(host.slice(colon));
}

/** `[::1]`, with a zone and a port where there is one. */
function isLiteral(host: string): boolean {
	const [, address, zone] =
		/^\[([^\]%]*)(%25[^\]]+)?\](?::[0-9]*)?$/.exec(host) ?? [];
	if (address === undefined || (zone && badEscape.test(zone))) return false;
	return isIPv6(address);
}

function cut(text: string, mark: string): string[] {
	const at = text.indexOf(mark);
	return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const token = "[!#$%&'*+.^_`{|}~\\w-]+";
const mediaType = `(?:x-|(?:text|image|audio|video|application|message|multipart))[^/,;]*`;
const dataHead = new RegExp(
	`^data:(?:(?=${token}/)${mediaType}/(?:${token})?)?((?:;${token}=(?:"(?:[^"\\\\]|\\\\.)*"|${token}))*)(;base64)?,`,
	"i",
);

/** Whether Ignition can decode a data URL: a known media type or none, and data without unescaped characters. */
export function isDataUrl(url: string): boolean {
	const [head, parameters = "", base64] = dataHead.exec(url) ?? [];
	if (head === undefined || !url.startsWith("data:")) return false;
	const data = url.slice(head.length);
	if (badEscape.test(parameters)) return false;
	if (!base64) return /^[!$-;=?-Z_a-z~]*$/.test(data) && !badEscape.test(data);
	return (
		base64 === ";base64" &&
		data.length % 4 === 0 &&
		/^[A-Za-z0-9+/]*={0,2}$/.test(data)
	);
}
