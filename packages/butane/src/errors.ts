/** Every sentence of this library, once. Wordings follow the reference so that its users find them again. */
export const messages = {
	tooLarge: "document is larger than 8 MiB",
	notUtf8: "document is not valid UTF-8",
	nul: "document contains a null byte",
	tooDeep: "document is nested too deeply",
	tooManyValues: (most: number) => `document has more than ${most} values`,
	colonInFlow: (reason: string) =>
		`${reason}; inside {} and [] a text that ends in a colon must be quoted`,
	aliases: "document contains excessive aliasing",
	unknownAnchor: (name: string) => `unknown anchor "${name}" referenced`,
	anchorInItself: (name: string) => `anchor "${name}" value contains itself`,
	notMergeable: "map merge requires map or sequence of maps as the value",
	notMapping: "document must be a mapping",
	noVariant: "error parsing variant; must be specified",
	invalidVersion: "error parsing version; must be a valid semver",
	unknownVersion: (variant: string, version: string) =>
		`No translator exists for variant ${variant} with version ${version}`,
	unusedKey: (key: string) => `unused key ${key}`,
	wrongType: (found: string, wanted: string) =>
		`cannot unmarshal ${found} into ${wanted}`,
	duplicateKey: (key: string) => `mapping key "${key}" already defined`,
	tooManySources: "only one of the following can be set: inline, local, source",
	tooManyUnitSources:
		"only one of the following can be set: contents, contents_local",
	noFiles:
		"local file paths are relative to a files directory that must be specified with -d/--files-dir",
	filesEscape: "local file path traverses outside the files directory",
	unreadable: (path: string, why: string) => `cannot read ${path}: ${why}`,
	decimalMode:
		"unreasonable mode would be reasonable if specified in octal; remember to add a leading zero",
	invalidMode: "illegal file mode",
	noPath: "path not specified",
	relativePath: "path not absolute",
	dirtyPath: "path is not fully simplified",
	specialBits:
		"setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0",
	idAndName: "cannot set both id and name",
	overwrite: "overwrite must be false if source is unspecified",
	noSource: "source is required",
	headers: "cannot use HTTP headers with this source scheme",
	hashNoSource: "source must be specified if verification is specified",
	hashKind: "unrecognized hash function",
	hashSize: "incorrect size for hash sum",
	duplicate: "duplicate entry defined",
	unitExtension: "invalid systemd unit extension",
	dropinExtension: "invalid systemd drop-in extension",
	compression: "invalid compression method",
	scheme: "invalid url scheme",
	hash: "malformed hash specifier",
	linkTarget: "link target is required",
	treeNotDirectory: "root of tree must be a directory",
	treeNoLocal: "local is required",
	treeFileType: "trees may only contain files, directories, and symlinks",
	treeNoList: "this file source cannot list directories",
	nodeExists:
		"matching filesystem node has existing contents or different type",
	mountNoPath:
		"path is required if with_mount_unit is true and format is not swap",
	mountNoFormat: "format is required if with_mount_unit is true",
	mountForbidden: "path must be under /etc or /var if with_mount_unit is true",
	layout: (names: readonly string[]) =>
		`layout must be one of: ${names.join(", ")}`,
	mirrorTooFew: "mirroring requires at least two devices",
	mirrorLayout:
		"boot_device.layout should be specified when boot_device.mirror is specified",
	mirrorS390:
		"mirroring not supported on layouts: s390x-eckd, s390x-zfcp, s390x-virt",
	luksNoDevice: "device is required for layouts: s390x-eckd, s390x-zfcp",
	luksDeviceName:
		"device name must start with /dev/dasd on s390x-eckd layout or /dev/sd on s390x-zfcp layout",
	luksNoMethod: "no method specified for luks",
	cexLayout: "when using cex the targeted architecture must match s390x",
	cexWithClevis: "cannot use cex with clevis",
	cexWithKeyFile: "cannot use key file with cex",
	grubName: 'field "name" is required',
	grubPassword: 'field "password_hash" is required',
	reuseByLabel:
		"partitions cannot be reused by label; number must be specified except on boot disk (/dev/disk/by-id/coreos-boot-disk) or when wipe_table is true",
	partitionNumber:
		"incorrect partition number; a new partition will be created using reserved label",
	rootTooSmall: "root should have 8GiB of space assigned",
	rootConstrained:
		"root partition cannot expand; it is set to fill available space but is followed by an auto-positioned partition",
	diskDevice: "disk device is required",
	numbersCollide: "partition numbers collide",
	partitionsOverlap: "partitions overlap",
	zeroNonexistent:
		"shouldExist is false for a partition and other partition(s) has start or size 0",
	labelsCollide: "cannot use the same partition label twice",
	nonexistentOthers:
		"shouldExist specified false with other options also specified",
	labelOrNumber: "a partition number >= 1 or a label must be specified",
	labelTooLong: "partition labels may not exceed 36 characters",
	labelColon: "partition label will be truncated to text before the colon",
	guid: 'doesn\'t match the form "01234567-89AB-CDEF-EDCB-A98765432101"',
	raidLevelRequired: "raid level is required",
	raidLevel: "unrecognized raid level",
	raidSpares: "spares unsupported for linear and raid0 arrays",
	raidDevices: "raid devices required",
	filesystemFormat: "invalid filesystem format",
	formatMissing:
		"format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified",
	labelNeedsFormat: "filesystem must specify format if label is specified",
	filesystemLabel: (most: number, format: string) =>
		`filesystem labels cannot be longer than ${most} characters when using ${format}`,
	filesystemOverPartitions: "filesystem overwrites partitioned device",
	filesystemWiped:
		"device matches disk with wipeTable enabled; filesystem will be wiped",
	luksSlash: "device names cannot contain slashes",
	luksLabel: "luks device labels cannot be longer than 47 characters",
	luksKeyFile: "invalid key-file source",
	clevisCustom: "cannot use custom clevis config with tpm2, tang, or threshold",
	clevisPin: "missing required custom clevis pin",
	clevisPinUnknown: "unsupported clevis pin",
	clevisConfig: "missing required custom clevis config",
	tangThumbprint: "thumbprint is required",
	tangAdvertisement: "advertisement is not valid JSON",
	linkInPath: (kind: string) => `${kind} path includes link in config`,
	hardLinkDirectory: "hard link target is a directory",
	hardLinkOwner: "user/group ignored for hard link",
	systemdPath: "path conflicts with systemd unit or dropin",
	headerName: "HTTP header name can't be empty",
	headerValue: "unable to parse HTTP header",
	proxy: "proxies must be http(s)",
	insecureProxy: "insecure plaintext HTTP proxy specified for HTTPS resources",
	unitContent: (why: string) => `invalid unit content: ${why}`,
	noInstall: (name: string) =>
		`unit "${name}" is enabled, but has no install section so enable does nothing`,
	notJson: "config is not valid",
	innerVersion:
		"skipping validation for the merge/replace ignition config due to an unknown version",
	ignitionVersion: "unsupported config version; 3.0.0 to 3.6.0 are supported",
} as const;
