import { z } from "zod";

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
	dropins: z.array(z.object({ name: text, contents: text })).optional(),
	enabled: flag,
	mask: flag,
	name: text,
});

/** Variant fcos, version 1.4.0. */
export const fcos140 = z.object({
	variant: z.literal("fcos"),
	version: z.literal("1.4.0"),
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
		})
		.optional(),
	systemd: z.object({ units: z.array(unit).optional() }).optional(),
});

/** Sections of 1.4.0 that this library refuses so far, by path. They are never dropped silently. */
export const refused = [
	"storage.disks",
	"storage.raid",
	"storage.luks",
	"storage.filesystems",
	"storage.trees",
	"boot_device",
] as const;

/** What a version adds as sugar that costs no Ignition feature: `contents_local` of 1.5.0, on request in 1.4.0. */
export const unitWithLocal = unit.extend({
	contents_local: text,
	dropins: z
		.array(z.object({ name: text, contents: text, contents_local: text }))
		.optional(),
});
export const fcos140WithLocal = fcos140.extend({
	systemd: z.object({ units: z.array(unitWithLocal).optional() }).optional(),
});

/** A document as authors write it. */
export type Fcos = z.infer<typeof fcos140WithLocal>;
export type Resource = z.infer<typeof resource>;
