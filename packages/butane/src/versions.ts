/** Every stable version of variant fcos, and the Ignition version that it is translated to. */
export const versions = {
	"1.0.0": "3.0.0",
	"1.1.0": "3.1.0",
	"1.2.0": "3.2.0",
	"1.3.0": "3.2.0",
	"1.4.0": "3.3.0",
	"1.5.0": "3.4.0",
	"1.6.0": "3.5.0",
	"1.7.0": "3.6.0",
} as const;

export type Version = keyof typeof versions;

export const isVersion = (version: string): version is Version =>
	Object.hasOwn(versions, version);

/** The middle number, by which features are compared: 4 for "1.4.0". */
export const minor = (version: string): number =>
	Number(version.split(".")[1] ?? 0);

const configResources = [
	"ignition.config.merge",
	"ignition.config.replace",
	"ignition.security.tls.certificate_authorities",
];

/** Keys that are younger than 1.0.0, and the minor version in which each appears. What is below a key is as old as the key. */
export const since: Readonly<Record<string, number>> = {
	"ignition.proxy": 1,
	...Object.fromEntries(
		configResources.flatMap((place) =>
			["compression", "http_headers", "inline", "local"].map((key) => [
				`${place}.${key}`,
				1,
			]),
		),
	),
	"storage.files.contents.http_headers": 1,
	"storage.files.contents.local": 1,
	"storage.files.append.http_headers": 1,
	"storage.files.append.local": 1,
	"storage.filesystems.mount_options": 1,
	"storage.filesystems.with_mount_unit": 1,
	"storage.trees": 1,
	"storage.luks": 2,
	"storage.disks.partitions.resize": 2,
	"passwd.users.should_exist": 2,
	"passwd.groups.should_exist": 2,
	boot_device: 3,
	kernel_arguments: 4,
	"systemd.units.contents_local": 5,
	"systemd.units.dropins.contents_local": 5,
	"passwd.users.ssh_authorized_keys_local": 5,
	"storage.luks.discard": 5,
	"storage.luks.open_options": 5,
	"storage.luks.clevis.tang.advertisement": 5,
	"boot_device.luks.tang.advertisement": 5,
	"boot_device.luks.discard": 5,
	grub: 5,
	"storage.luks.cex": 6,
	"boot_device.luks.cex": 6,
	"boot_device.luks.device": 6,
	"storage.trees.user": 7,
	"storage.trees.group": 7,
	"storage.trees.file_mode": 7,
	"storage.trees.dir_mode": 7,
};
