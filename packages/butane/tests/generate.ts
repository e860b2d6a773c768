import fc from "fast-check";
import { z } from "zod";
import { schemaOf } from "../src/schema.ts";
import { type Version, versions } from "../src/versions.ts";
import { Style, type Tree } from "./style.ts";

/* Scalars as they stand in YAML text: mostly fitting, some damaged. Few values a key, so that entries collide. */
const devices = [
	"/dev/vda",
	"/dev/vdb",
	"/dev/mapper/a",
	"/dev/disk/by-id/dm-name-a",
	"/dev/dasda",
	"dev",
];
const paths = [
	"/a",
	"/a/b",
	"/var/a.b",
	"/etc/systemd/system/a.service",
	"/a/",
	"b",
	'""',
];
const contents = [
	'"[Unit]\\nA=b\\n"',
	'"[Install]\\nWantedBy=x\\n"',
	'"junk"',
	'"[Unit"',
	'"[Unit]\\nA"',
	`"${"aé ".repeat(60)}"`,
	'""',
];
const oddUrls = [
	'"HTTPS://A/b"',
	'"https://a b"',
	'"https://a/%zz"',
	'"https://[::1]:80/a"',
	'"https://[::1"',
	'"https://a:b/"',
	'"s3://a/b?versionId="',
	'"data:text/plain;base64,YQ=="',
	'"data:;base64,YQ"',
	'":"',
	'"/a"',
	'"https://a@b@c:1/?%#f"',
];
const pools: Record<string, readonly string[]> = {
	compression: ["gzip", '""', "xz"],
	contents,
	config: ['"{}"', '""', "x"],
	device: devices,
	devices,
	format: ["xfs", "ext4", "swap", "vfat", "none", "zfs", '""'],
	group: ["wheel", "x"],
	guid: ["01234567-89AB-CDEF-EDCB-A98765432101", '""', "x"],
	hash: [`sha256-${"0".repeat(64)}`, `sha512-${"0".repeat(128)}`, "md5-0", "x"],
	inline: contents,
	label: ["root", "boot", "a", "a:b", "root-1", "x".repeat(40), '""'],
	layout: [
		"x86_64",
		"aarch64",
		"ppc64le",
		"s390x-eckd",
		"s390x-zfcp",
		"s390x-virt",
		"mips",
	],
	level: ["raid1", "raid0", "linear", "5", "x"],
	name: ["a", "b", "a.service", "b.mount", "a.conf", "a/b", '""'],
	path: paths,
	pin: ["tpm2", "sss", "x", '""'],
	target: ["/a", "/b", "a", '""'],
	source: [
		"https://a/b",
		"http://a",
		"tftp://a",
		"s3://a/b",
		"gs://a/b",
		'"data:,a"',
		"ftp://a",
		"a",
		"arn:aws:s3:::a/b",
		'""',
		...oddUrls,
	],
	url: ["https://a", "http://b", "x", '""', ...oddUrls],
	local: ["a.txt", "unit", "tree", "tree/etc/link", "none", "../a.txt", '""'],
	contents_local: ["unit", "a.txt", "none", '""'],
	ssh_authorized_keys_local: ["a.txt", "keys", "none"],
	http_proxy: ["http://a", "https://a", "x"],
	https_proxy: ["http://a", "https://a", "x"],
	type_guid: ["01234567-89AB-CDEF-EDCB-A98765432101", "x"],
	advertisement: ['"{}"', "x"],
};
const strings = ["a", "b", "c d", "1", "true", '""', "0x10", "1.50", "~"];
const integers = [
	"0",
	"1",
	"4",
	"5",
	"420",
	"644",
	"755",
	"0644",
	"0755",
	"04755",
	"0o600",
	"0x1A4",
	"0b11",
	"1_000",
	"-1",
	"9000",
	"100",
	"1e3",
	"1.0",
	"null",
];
const booleans = ["true", "false", "yes", "off", "True", "y", "null"];
const damaged = [
	'"x"',
	"[]",
	"{}",
	"[a]",
	"{a: b}",
	"1.5",
	"0o9",
	"''",
	"2001-01-01",
];

const scalar = (text: string): Tree => ({ kind: "scalar", text });

/** A document made from the schema of a version, damaged here and there, in any style of YAML. */
export function documents(): fc.Arbitrary<string> {
	return fc
		.constantFrom(...(Object.keys(versions) as Version[]))
		.chain((version) => {
			const schema = schemaOf(version, false);
			const rest = Object.entries(schema.shape).filter(
				([key]) => key !== "variant" && key !== "version",
			);
			return fc
				.tuple(fields(rest, 2), fc.integer())
				.map(
					([body, style]) =>
						`variant: fcos\nversion: ${version}\n${new Style(style).write(body)}`,
				);
		});
}

function fields(
	entries: [string, z.core.$ZodType][],
	depth: number,
): fc.Arbitrary<[string, Tree][]> {
	const one = entries.map(([key, type]) =>
		fc
			.tuple(fc.nat({ max: depth + 1 }), value(type, key, depth))
			.map(([skip, tree]): [string, Tree][] => (skip > 1 ? [] : [[key, tree]])),
	);
	const unknown = fc
		.nat({ max: 60 })
		.map((n): [string, Tree][] => (n === 0 ? [["unknown", scalar("1")]] : []));
	return fc.tuple(...one, unknown).map((lists) => lists.flat());
}

function value(
	type: z.core.$ZodType,
	key: string,
	depth: number,
): fc.Arbitrary<Tree> {
	const inner = type instanceof z.ZodOptional ? type.unwrap() : type;
	const good: fc.Arbitrary<Tree> =
		inner instanceof z.ZodObject
			? fields(Object.entries(inner.shape), Math.min(depth + 1, 3)).map(
					(entries) => ({ kind: "map", entries }),
				)
			: inner instanceof z.ZodArray
				? fc
						.array(value(inner.element, key, depth), { maxLength: 3 })
						.map((items) => ({ kind: "list", items }))
				: inner instanceof z.ZodBoolean
					? fc.constantFrom(...booleans).map(scalar)
					: inner instanceof z.ZodNumber
						? fc.constantFrom(...integers).map(scalar)
						: fc.constantFrom(...(pools[key] ?? strings)).map(scalar);
	return fc.oneof(
		{ weight: 400, arbitrary: good },
		{ weight: 2, arbitrary: fc.constant(scalar("~")) },
		{ weight: 1, arbitrary: fc.constantFrom(...damaged).map(scalar) },
	);
}
