import { checkResource } from "./checkResource.ts";
import { messages } from "./errors.ts";
import { checkPath } from "./hostPath.ts";
import { type Fields, isFields } from "./merge.ts";
import type { Path, Report } from "./report.ts";
import { parseUrl } from "./url.ts";
import { each, text } from "./walk.ts";

/** An encrypted volume: its device, key file and what opens it. */
export function checkLuks(
	report: Report,
	luks: Fields,
	path: Path,
	minor: number,
): void {
	const at = (...rest: (string | number)[]): Path => [...path, ...rest];
	if (text(luks.name).includes("/"))
		report.error(at("name"), messages.luksSlash);
	if (Buffer.byteLength(text(luks.label)) > 47)
		report.error(at("label"), messages.luksLabel);
	if (!luks.device) report.error(at("device"), messages.diskDevice);
	else checkPath(report, at("device"), text(luks.device));
	const key = isFields(luks.keyFile) ? luks.keyFile : {};
	if (!checkResource(report, key, at("keyFile"), minor))
		report.error(at("keys"), messages.luksKeyFile);
	const clevis = isFields(luks.clevis) ? luks.clevis : {};
	const others = Array.isArray(clevis.tang) || clevis.tpm2 || clevis.threshold;
	const custom = isFields(clevis.custom) ? clevis.custom : undefined;
	if (others && (custom?.pin || (custom && minor < 3)))
		report.error(at("clevis"), messages.clevisCustom);
	if (isFields(luks.cex) && luks.cex.enabled) {
		if (others || custom?.pin) report.error(at("cex"), messages.cexWithClevis);
		if (key.source) report.error(at("cex"), messages.cexWithKeyFile);
	}
	each(clevis.tang, at("clevis", "tang"), (tang, here) => {
		const scheme = parseUrl(text(tang.url))?.scheme;
		if (scheme === undefined) report.error([...here, "url"], messages.url);
		else if (scheme !== "http" && scheme !== "https")
			report.error([...here, "url"], messages.scheme);
		if (!tang.thumbprint)
			report.error([...here, "thumbprint"], messages.tangThumbprint);
		if (tang.advertisement && !isJson(text(tang.advertisement)))
			report.error([...here, "advertisement"], messages.tangAdvertisement);
	});
	if (
		!custom ||
		(!custom.pin && !custom.config && !(minor >= 3 && custom.needsNetwork))
	)
		return;
	const pin = text(custom.pin);
	if (minor < 6 && (pin || minor < 3) && !/^(tpm2|tang|sss)$/.test(pin))
		report.error(at("clevis", "custom", "pin"), messages.clevisPinUnknown);
	else if (!pin)
		report.error(at("clevis", "custom", "pin"), messages.clevisPin);
	if (!custom.config)
		report.error(at("clevis", "custom", "config"), messages.clevisConfig);
}

function isJson(value: string): boolean {
	try {
		JSON.parse(value);
		return true;
	} catch {
		return false;
	}
}
