import { z } from "zod";
import { since, type Version, versions } from "./versions.ts";

/* One schema a kind; YAML readers walk these for the type of every scalar, authors get their types from them. */
const text = z.string().optional();
const int = z.int().optional();
const flag = z.boolean().optional();
const texts = z.array(z.string()).optional();
const owner = z.object({ id: int, name: text }).optional();

const resource = z.object({
	compression: text,
	http_headers: z.array(z.object({ name: text, value: text })).optional(),
	source: text,
	inline: text,
	local: text,
	verification: z.object({ hash: text }).optional(),
});
const node = { path: text, user: owner, group: owner, overwrite: flag };
const unit = z.object({
	contents: text,
	contents_local: text,
	dropins: z
		.array(z.object({ name: text, contents: text, contents_local: text }))
		.optional(),
	enabled: flag,
	mask: flag,
	name: text,
});

const tang = z
	.array(z.object({ thumbprint: text, url: text, advertisement: text }))
	.optional();
const cex = z.object({ enabled: flag }).optional();

const disk = z.object({
	device: text,
	wipe_table: flag,
	partitions: z
		.array(
			z.object({
				guid: text,
				label: text,
				number: int,
				resize: flag,
				should_exist: flag,
				size_mib: int,
				start_mib: int,
				type_guid: text,
				wipe_partition_entry: flag,
			}),
		)
		.optional(),
});
const filesystem = z.object({
	device: text,
	format: text,
	label: text,
	mount_options: texts,
	options: texts,
	path: text,
	uuid: text,
	wipe_filesystem: flag,
	with_mount_unit: flag,
});
const luks = z.object({
	cex,
	clevis: z
		.object({
			custom: z
				.object({ config: text, needs_network: flag, pin: text })
				.optional(),
			tang,
			threshold: int,
			tpm2: flag,
		})
		.optional(),
	device: text,
	discard: flag,
	key_file: resource.optional(),
	label: text,
	name: text,
	open_options: texts,
	options: texts,
	uuid: text,
	wipe_volume: flag,
});

/** Variant fcos with the keys of all versions; `since` says which of them a version has. */
const everything = z.object({
	variant: z.literal("fcos"),
	version: z.enum(Object.keys(versions) as [Version, ...Version[]]),
	boot_device: z
		.object({
			layout: text,
			luks: z
				.object({
					cex,
					discard: flag,
					device: text,
					tang,
					threshold: int,
					tpm2: flag,
				})
				.optional(),
			mirror: z.object({ devices: texts }).optional(),
		})
		.optional(),
	grub: z
		.object({
			users: z.array(z.object({ name: text, password_hash: text })).optional(),
		})
		.optional(),
	ignition: z
		.object({
			config: z
				.object({
					merge: z.array(resource).optional(),
					replace: resource.optional(),
				})
				.optional(),
			proxy: z
				.object({ http_proxy: text, https_proxy: text, no_proxy: texts })
				.optional(),
			security: z
				.object({
					tls: z
						.object({ certificate_authorities: z.array(resource).optional() })
						.optional(),
				})
				.optional(),
			timeouts: z
				.object({ http_response_headers: int, http_total: int })
				.optional(),
		})
		.optional(),
	kernel_arguments: z
		.object({ should_exist: texts, should_not_exist: texts })
		.optional(),
	passwd: z
		.object({
			groups: z
				.array(
					z.object({
						gid: int,
						name: text,
						password_hash: text,
						should_exist: flag,
						system: flag,
					}),
				)
				.optional(),
			users: z
				.array(
					z.object({
						gecos: text,
						groups: texts,
						home_dir: text,
						name: text,
						no_create_home: flag,
						no_log_init: flag,
						no_user_group: flag,
						password_hash: text,
						primary_group: text,
						should_exist: flag,
						ssh_authorized_keys: texts,
						ssh_authorized_keys_local: texts,
						shell: text,
						system: flag,
						uid: int,
					}),
				)
				.optional(),
		})
		.optional(),
	storage: z
		.object({
			directories: z.array(z.object({ ...node, mode: int })).optional(),
			files: z
				.array(
					z.object({
						...node,
						append: z.array(resource).optional(),
						contents: resource.optional(),
						mode: int,
					}),
				)
				.optional(),
			links: z
				.array(z.object({ ...node, hard: flag, target: text }))
				.optional(),
			disks: z.array(disk).optional(),
			raid: z
				.array(
					z.object({
						devices: texts,
						level: text,
						name: text,
						options: texts,
						spares: int,
					}),
				)
				.optional(),
			filesystems: z.array(filesystem).optional(),
			luks: z.array(luks).optional(),
			trees: z
				.array(
					z.object({
						local: text,
						path: text,
						user: owner,
						group: owner,
						file_mode: int,
						dir_mode: int,
					}),
				)
				.optional(),
		})
		.optional(),
	systemd: z.object({ units: z.array(unit).optional() }).optional(),
});

/** A document as authors write it. Which keys a version has is checked by `parse`, not by this type. */
export type Fcos = z.infer<typeof everything>;
export type Resource = z.infer<typeof resource>;
export type Filesystem = z.infer<typeof filesystem>;

const built = new Map<string, z.ZodObject>();

/** The schema of one version; `contentsLocal` adds `contents_local` of units and drop-ins to a version without it. */
export function schemaOf(
	version: Version,
	contentsLocal: boolean,
): z.ZodObject {
	const key = `${version} ${contentsLocal}`;
	const known = built.get(key);
	if (known) return known;
	const minor = Object.keys(versions).indexOf(version);
	const keep = (path: string): boolean =>
		(since[path] ?? 0) <= minor ||
		(contentsLocal && path.endsWith(".contents_local"));
	const schema = pruned(everything, "", keep) as z.ZodObject;
	built.set(key, schema);
	return schema;
}

/** The schema without the keys that are not to be kept. */
function pruned(
	type: z.core.$ZodType,
	path: string,
	keep: (path: string) => boolean,
): z.core.$ZodType {
	if (type instanceof z.ZodOptional)
		return z.optional(pruned(type.unwrap(), path, keep));
	if (type instanceof z.ZodArray)
		return z.array(pruned(type.element, path, keep));
	if (!(type instanceof z.ZodObject)) return type;
	const shape: Record<string, z.core.$ZodType> = {};
	for (const [key, child] of Object.entries(type.shape)) {
		const here = path ? `${path}.${key}` : key;
		if (keep(here)) shape[key] = pruned(child, here, keep);
	}
	return z.object(shape);
}
