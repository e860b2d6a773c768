/** Every sentence of this library, once. Wordings follow the reference so that its users find them again. */
export const messages = {
	tooLarge: "document is larger than 8 MiB",
	notUtf8: "document is not valid UTF-8",
	tooDeep: "document is nested too deeply",
	aliases: "document contains excessive aliasing",
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
	notYet: (what: string) => `${what} is not supported by this library yet`,
	ignitionVersion: "unsupported config version; 3.3.0 is supported",
} as const;
