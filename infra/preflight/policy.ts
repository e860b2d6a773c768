import { z } from "zod";
import type { Policy } from "../provider/clients/tailscale.ts";
import { oneLine, policyNeeds } from "../tailnetPolicy.ts";
import { type Finding, fault } from "./finding.ts";
import { texts } from "./texts.ts";

/** What an operator pastes into the policy file. */
export function policyLines(tag: string): string {
	const needs = policyNeeds({ tag, operators: "autogroup:admin" });
	return `${oneLine(needs).slice(1, -1)}.`;
}

/**
 * Judges the tailnet policy: the tag exists, its port 22 can be reached, and somebody is let in as `core` without being
 * asked again.
 */
export function policyFindings(policy: Policy, tag: string): Finding[] {
	const lines = policyLines(tag);
	const findings: Finding[] = [];
	if (!Object.hasOwn(policy.tagOwners ?? {}, tag))
		findings.push(fault(texts.noOwner(tag, lines)));
	// A policy without any network rule lets everybody through.
	const isOpen = policy.grants === undefined && policy.acls === undefined;
	if (
		!isOpen &&
		!(policy.grants ?? []).some((entry) => grants(entry, tag)) &&
		!(policy.acls ?? []).some((entry) => accepts(entry, tag))
	)
		findings.push(fault(texts.noGrant(tag, lines)));
	if (!(policy.ssh ?? []).some((entry) => admits(entry, tag)))
		findings.push(fault(texts.noSshRule(tag, lines)));
	return findings;
}

const strings = z.array(z.string());
const grant = z.looseObject({ dst: strings, ip: strings });
const acl = z.looseObject({
	action: z.literal("accept"),
	proto: z.string().optional(),
	dst: strings,
});
const sshRule = z.looseObject({
	action: z.literal("accept"),
	dst: strings,
	users: strings,
});

function grants(entry: unknown, tag: string): boolean {
	const { success, data } = grant.safeParse(entry);
	return (
		success &&
		data.dst.some((target) => mayMean(target, tag)) &&
		data.ip.some((ip) => {
			const [, protocol = "tcp", ports = ""] =
				/^(?:(\w+):)?(.*)$/.exec(ip) ?? [];
			return protocol === "tcp" && includes22(ports);
		})
	);
}

function accepts(entry: unknown, tag: string): boolean {
	const { success, data } = acl.safeParse(entry);
	if (!success || !["tcp", "6", ""].includes(data.proto ?? "")) return false;
	return data.dst.some((target) => {
		const [, host = "", ports = ""] = /^(.*):([^:]*)$/.exec(target) ?? [];
		return mayMean(host, tag) && includes22(ports);
	});
}

function admits(entry: unknown, tag: string): boolean {
	const { success, data } = sshRule.safeParse(entry);
	return (
		success &&
		data.dst.includes(tag) &&
		data.users.some((user) => user === "core" || user === "autogroup:nonroot")
	);
}

/** Whether a target can be the host. Addresses, host names and sets of the policy file may be; they are not resolved. */
function mayMean(target: string, tag: string): boolean {
	if (target === tag || target === "*" || target === "autogroup:tagged")
		return true;
	return !/^(tag|autogroup|group):|@/.test(target);
}

function includes22(ports: string): boolean {
	return ports.split(",").some((part) => {
		if (part.trim() === "*") return true;
		const [from = "", to = from] = part.trim().split("-");
		return /^\d+$/.test(from) && Number(from) <= 22 && 22 <= Number(to);
	});
}
